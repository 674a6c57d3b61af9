#!/usr/bin/env bash
# Runs the fuzz targets, each for so many seconds, and prints how often each ran. Ends at the first crash.
#
#   fuzz.sh [SECONDS] [TARGET...]     without names: all targets, for 600 seconds each
#
# Starts from the inputs in fuzz/seeds. Needs no nightly compiler: coverage guides it, without sanitizers, since nothing here
# is `unsafe`. What crashes is put into fuzz/seeds/TARGET/ and so becomes a test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-600}
shift || true
command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo fuzz list)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for target in "${targets[@]}"; do
  mkdir "$work/$target"
  echo "== $target, $seconds s"
  if ! cargo fuzz run --sanitizer none "$target" "$work/$target" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -max_len=65536 -print_final_stats=1 >"$work/log" 2>&1; then
    tail -n 40 "$work/log"
    exit 1
  fi
  grep -E '^stat::number_of_executed_units' "$work/log"
done
