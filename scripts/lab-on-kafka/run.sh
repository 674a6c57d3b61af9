#!/usr/bin/env bash
# The whole job on a real Kafka with a real schema registry, seen from outside: names of the lab enter by kcat, joined
# records are read back by Confluent's Python client, every name is counted once.
#
#   run.sh [NAMES]     default 5000; prints names/s, CPU seconds, peak memory, and every ten seconds what the job holds
#
#   SET='--lab-slow n000001-lab.com=60s --set zone.timeout=200s --set dns.timeout=100s --set join.patience=300s' run.sh
#                      with one name that is answered after a minute
#
# Servers come from ../servers/servers.sh. DOMAINFLOW is the program (default: the release build). SET holds more
# arguments of `domainflow run`. Needs kcat and Python 3 with venv; confluent-kafka is fetched once.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
names=${1:-5000}
program=${DOMAINFLOW:-$here/../../target/release/domainflow}
python=${XDG_CACHE_HOME:-$HOME/.cache}/domainflow/confluent
work=$(mktemp -d)
prefix=lab-$(date +%s)
job= watch=

finish() {
  [ -z "$job$watch" ] || kill $job $watch 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

if [ ! -x "$python/bin/python" ]; then
  python3 -m venv "$python"
  "$python/bin/pip" install --quiet 'confluent-kafka[avro,schemaregistry]==2.16.1'
fi
eval "$("$here/../servers/servers.sh" up)"

sed -E "s/^name: .*/name: $prefix/; s/([ [])(to_process_|processed_|collected_IP_data|all_collected_data)/\1$prefix.\2/g" \
  "$here/../../dataflows/domainradar.yaml" >"$work/flow.yaml"
echo "dead_letters: $prefix.dead_letters" >>"$work/flow.yaml"
export DOMAINFLOW__KAFKA__BOOTSTRAP_SERVERS=$KAFKA_BOOTSTRAP DOMAINFLOW__REGISTRY__URL=$REGISTRY_URL
export DOMAINFLOW__STATE__DIR=$work/state DOMAINFLOW__ADMIN__LISTEN=127.0.0.1:9464

"$program" topics create "$work/flow.yaml" >/dev/null
"$program" lab --names --scale "$names" | head -n "$names" >"$work/names"
# shellcheck disable=SC2086
"$program" run "$work/flow.yaml" --lab --lab-scale "$names" ${SET:-} 2>"$work/log" &
job=$!
until curl -sf http://127.0.0.1:9464/readyz >/dev/null; do
  kill -0 "$job" || { cat "$work/log"; exit 1; }
  sleep 0.1
done

# Memory, descriptors and the sockets among them.
held() {
  local open=("/proc/$job/fd/"*)
  echo "$SECONDS s: $(awk '/VmRSS/ { printf "%.0f MB", $2 / 1024 }' "/proc/$job/status"), ${#open[@]} descriptors," \
    "$(find "/proc/$job/fd" -lname 'socket:*' 2>/dev/null | wc -l) sockets"
}
SECONDS=0
while sleep 10; do held; done &
watch=$!

ticks() { awk '{ print $14 + $15 }' "/proc/$job/stat"; }
before=$(ticks)
# A key without a value: the defaults.
sed 's/$/\t/' "$work/names" | kcat -P -b "$KAFKA_BOOTSTRAP" -t "$prefix.to_process_zone" -K '\t' -Z
"$python/bin/python" "$here/read_back.py" "$KAFKA_BOOTSTRAP" "$REGISTRY_URL" "$prefix" "$work/names"
echo "CPU seconds: $(awk -v t=$(($(ticks) - before)) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.1f", t / hz }')"
echo "peak memory: $(awk '/VmHWM/ { printf "%.0f MB", $2 / 1024 }' "/proc/$job/status")"
curl -s http://127.0.0.1:9464/status | "$python/bin/python" -c '
import json, sys
report = json.load(sys.stdin)
print("join:", report["join"])
for node in report["nodes"]:
    print("{name}: {done}, {reused} of them found before, {statuses}, mean {mean_ms:.0f} ms".format(**node))'
kill "$watch"
kill "$job"
wait "$job"
echo "stopped cleanly"
job= watch=
