#!/usr/bin/env bash
# Every check: format, lints, documentation, licences, and all tests, those on a real Kafka and registry included.
#
# The servers are this run's own (free ports, data deleted at the end), so that it disturbs none that already run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() {
  echo "== $*"
  "$@"
}

SERVERS_RUN=$(mktemp -d)
export SERVERS_RUN KAFKA_PORT=free REGISTRY_PORT=free
finish() {
  scripts/servers/servers.sh clean
  rm -rf "$SERVERS_RUN"
}
trap finish EXIT

step cargo fmt --check
step cargo clippy --locked --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" step cargo doc --locked --no-deps --document-private-items
if command -v cargo-deny >/dev/null; then
  step cargo deny --offline check bans licenses sources
fi
step cargo build --locked --tests
step scripts/servers/servers.sh up
step cargo test --locked
