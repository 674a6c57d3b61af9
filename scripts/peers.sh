#!/usr/bin/env bash
# The programs of others that benches are measured against, from the Go module proxy (needs Go) or PyPI (needs Python 3.8 to 3.12).
#
#   peers.sh zdns      DNS scanner
#   peers.sh zgrab2    TLS and HTTP scanner
#   peers.sh bytewax   a Python that has the stream processor bytewax
#
# Builds what is missing into ${XDG_CACHE_HOME:-~/.cache}/domainflow/peers and prints the path of the program.
set -euo pipefail

case "${1:-}" in
zdns) module=github.com/zmap/zdns/v2 version=v2.0.5 package=$module ;;
zgrab2) module=github.com/zmap/zgrab2 version=v0.2.0 package=$module/cmd/zgrab2 ;;
bytewax) version=0.21.1 client=2.16.1 ;;
*)
  sed -n '2,8s/^# \?//p' "$0" >&2
  exit 2
  ;;
esac

cache=${XDG_CACHE_HOME:-$HOME/.cache}/domainflow/peers
# A version has a place of its own, so that an older one is never mistaken for it.
program=$cache/$1-$version
if [ "$1" = bytewax ]; then
  if [ ! -e "$program/complete" ]; then
    python3 -m venv --clear "$program" >&2 || { echo "peers.sh: no venv (Debian: python3-venv)" >&2; exit 1; }
    "$program/bin/pip" install -q "bytewax==$version" "confluent-kafka==$client" >&2
    touch "$program/complete"
  fi
  program=$program/bin/python
elif [ ! -x "$program" ]; then
  command -v go >/dev/null || { echo "peers.sh: go is missing (Debian: golang-go)" >&2; exit 1; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$cache"
  # Not `go install`: that wants the list of versions, which not every proxy has.
  (cd "$work" && go mod init peer && go mod edit -require="$module@$version" && go build -mod=mod -o "$program" "$package") >&2
fi
echo "$program"
