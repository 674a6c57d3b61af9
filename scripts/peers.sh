#!/usr/bin/env bash
# The programs of others that benches are measured against, built from the Go module proxy; needs Go.
#
#   peers.sh zdns      DNS scanner
#   peers.sh zgrab2    TLS and HTTP scanner
#
# Builds what is missing into ${XDG_CACHE_HOME:-~/.cache}/domainflow/peers and prints the path of the program.
set -euo pipefail

case "${1:-}" in
zdns) module=github.com/zmap/zdns/v2 version=v2.0.5 package=$module ;;
zgrab2) module=github.com/zmap/zgrab2 version=v0.2.0 package=$module/cmd/zgrab2 ;;
*)
  sed -n '2,7s/^# \?//p' "$0" >&2
  exit 2
  ;;
esac

# A version has a file of its own, so that an older one is never mistaken for it.
program=${XDG_CACHE_HOME:-$HOME/.cache}/domainflow/peers/$1-$version
if [ ! -x "$program" ]; then
  command -v go >/dev/null || { echo "peers.sh: go is missing (Debian: golang-go)" >&2; exit 1; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "${program%/*}"
  # Not `go install`: that wants the list of versions, which not every proxy has.
  (cd "$work" && go mod init peer && go mod edit -require="$module@$version" && go build -mod=mod -o "$program" "$package") >&2
fi
echo "$program"
