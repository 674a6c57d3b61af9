#!/usr/bin/env bash
# A real Kafka (KRaft, one node unless KAFKA_NODES says more) and a real schema registry on the loopback, from Maven
# packages; no container.
#
#   servers.sh up      start what is not running (also a node that was killed), print where it listens
#   servers.sh env     print KAFKA_BOOTSTRAP=... and REGISTRY_URL=... of the running servers
#   servers.sh clients print KAFKA_JARS=... and PYTHON=...: where clients of others are, Java's and two of Python
#   servers.sh down    stop all
#   servers.sh clean   stop all and delete their data
#
# SERVERS_RUN is where data, logs and pid files lie (default: run/ in the cache); several sets of servers can run side by
# side with one each; kafka-N/pid and registry/pid there are for whoever wants to kill one. KAFKA_PORT (default 9092; each
# node takes two) and REGISTRY_PORT (default 8081) may be `free`. Needs Java 17 and Maven.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/domainflow/servers
run=${SERVERS_RUN:-$cache/run}
nodes=${KAFKA_NODES:-1}
patience=${SERVERS_WAIT:-90}

fail() {
  echo "servers.sh: $*" >&2
  exit 1
}

version() { sed -n "s:.*<$1.version>\(.*\)</$1.version>.*:\1:p" "$here/pom.xml"; }

# fetch NAME GOAL: the folder with the jars of a profile; fetched once, by one process at a time.
fetch() {
  local into=$cache/$1-$(version "$1")
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
  if [ ! -e "$into/complete" ]; then
    command -v mvn >/dev/null || fail "Maven is needed to fetch $1; on Debian: apt-get install maven default-jre-headless"
    echo "fetching $1 $(version "$1"), once" >&2
    rm -rf "$into"
    mvn -q -B -f "$here/pom.xml" -P "$1" "dependency:$2" -Dinto="$into" -DoutputDirectory="$into" >"$cache/$1.log" 2>&1 ||
      fail "fetching $1 failed, see $cache/$1.log"
    rm -rf "$into/maven"
    touch "$into/complete"
  fi
  exec 9>&-
  echo "$into"
}

# runs NAME: whether the pid file names a living server that was started from this folder.
runs() {
  local pid
  pid=$(cat "$run/$1/pid" 2>/dev/null) && [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$run/$1"
}

open_port() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

closed_ports() { # FIRST COUNT
  local try
  for try in $(seq "$1" $(($1 + $2 - 1))); do
    if open_port "$try"; then return 1; fi
  done
}

# port WANTED COUNT: the first of the ports to take.
port() {
  local try
  if [ "$1" != free ]; then
    closed_ports "$1" "$2" || fail "port $1 or one right after it is taken; set KAFKA_PORT and REGISTRY_PORT to others, or to free"
    echo "$1"
    return
  fi
  for _ in $(seq 100); do
    try=$((20000 + RANDOM % 12000))
    if closed_ports "$try" "$2"; then
      echo "$try"
      return
    fi
  done
  fail "no free port was found"
}

# await NAME COMMAND...: until the command succeeds.
await() {
  local name=$1 deadline=$((SECONDS + patience))
  shift
  until "$@"; do
    runs "$name" || fail "$name ended while it started, see $run/$name/log
$(tail -n 8 "$run/$name/log")"
    [ $SECONDS -lt $deadline ] || fail "$name was not ready within $patience s, see $run/$name/log"
    sleep 0.1
  done
}

java_server() { # NAME LOG-ARGS...: starts java in the background and keeps its pid
  local name=$1
  shift
  command -v java >/dev/null || fail "Java 17 or later is needed; on Debian: apt-get install default-jre-headless"
  nohup java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError "$@" \
    >"$run/$name/log" 2>&1 </dev/null &
  echo $! >"$run/$name/pid"
}

kafka_ready() { grep -qs 'Kafka Server started' "$run/$1/log" && open_port "$(cat "$run/$1/port")"; }

kafka_nodes() { seq -f kafka-%g "$nodes"; }

up_kafka() {
  local jars node number port first voters='' running='' copies=1 in_sync=1
  for node in $(kafka_nodes); do
    if runs "$node"; then running=$node; fi
  done
  jars=$(fetch kafka copy-dependencies)
  if [ -z "$running" ]; then
    # The data remember nothing of the ports, so that they may differ from start to start.
    first=$(port "${KAFKA_PORT:-9092}" $((nodes * 2)))
    for number in $(seq "$nodes"); do
      mkdir -p "$run/kafka-$number"
      echo $((first + number * 2 - 2)) >"$run/kafka-$number/port"
    done
  fi
  if [ "$nodes" -gt 1 ]; then in_sync=2 copies=$((nodes < 3 ? nodes : 3)); fi
  for number in $(seq "$nodes"); do
    voters+=${voters:+,}$number@127.0.0.1:$(($(cat "$run/kafka-$number/port") + 1))
  done
  [ -e "$run/cluster" ] || head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | cut -c1-22 >"$run/cluster"
  for number in $(seq "$nodes"); do
    runs "kafka-$number" || start_kafka "$number" "$jars" "$voters" "$copies" "$in_sync"
  done
  for node in $(kafka_nodes); do
    await "$node" kafka_ready "$node"
  done
}

start_kafka() { # NUMBER JARS VOTERS COPIES IN-SYNC
  local dir=$run/kafka-$1 port
  port=$(cat "$dir/port")
  cat >"$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=$1
controller.quorum.voters=$3
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
min.insync.replicas=$5
offsets.topic.num.partitions=4
offsets.topic.replication.factor=$4
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=$4
transaction.state.log.min.isr=$5
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=$4
share.coordinator.state.topic.min.isr=$5
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=4194304
PROPERTIES
  if [ ! -e "$dir/data/meta.properties" ]; then
    java -cp "$2/*" kafka.tools.StorageTool format -c "$dir/server.properties" -t "$(cat "$run/cluster")" \
      >"$dir/format.log" 2>&1 || fail "Kafka's storage could not be made, see $dir/format.log"
  fi
  java_server "kafka-$1" -Xms64m -Xmx256m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info -cp "$2/*" kafka.Kafka "$dir/server.properties"
}

registry_api() { echo "http://127.0.0.1:$(cat "$run/registry/port")/apis/ccompat/v7"; }

registry_ready() { curl -sf --noproxy '*' -m 5 -o /dev/null "$(registry_api)/subjects"; }

up_registry() {
  local jars dir=$run/registry
  runs registry && return
  command -v curl >/dev/null || fail "curl is needed"
  jars=$(fetch registry unpack)
  mkdir -p "$dir"
  # One that was killed comes back where it was.
  if [ ! -e "$dir/pid" ]; then port "${REGISTRY_PORT:-8081}" 1 >"$dir/port"; fi
  # The run directory is told to it so that its command line shows whose server it is.
  java_server registry -Xms64m -Xmx192m -Drun.dir="$dir" \
    -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$(cat "$dir/port")" \
    -Dregistry.ccompat.use-canonical-hash=true -DREGISTRY_DATASOURCE_URL="jdbc:h2:file:$dir/data" \
    -jar "$(ls "$jars"/*-runner.jar "$jars"/quarkus-run.jar 2>/dev/null | head -1)"
  await registry registry_ready
  # Confluent's default; Apicurio's own is NONE.
  curl -sf --noproxy '*' -m 10 -o /dev/null -X PUT -H 'Content-Type: application/json' \
    -d '{"compatibility":"BACKWARD"}' "$(registry_api)/config" || fail "the compatibility level could not be set"
}

environment() {
  local node bootstrap=''
  for node in $(kafka_nodes) registry; do
    runs "$node" || fail "$node does not run; start it with $here/servers.sh up"
  done
  for node in $(kafka_nodes); do
    bootstrap+=${bootstrap:+,}127.0.0.1:$(cat "$run/$node/port")
  done
  echo "KAFKA_BOOTSTRAP=$bootstrap"
  echo "REGISTRY_URL=$(registry_api)"
}

# clients: Java's tools with its own client, and a Python with one on librdkafka and one of its own.
clients() {
  local jars python=$cache/python-1
  jars=$(fetch clients copy-dependencies)
  exec 9>"$cache/lock"
  flock 9
  if [ ! -e "$python/complete" ]; then
    echo "fetching Kafka clients for Python, once" >&2
    rm -rf "$python"
    { python3 -m venv "$python" && "$python/bin/pip" install --quiet confluent-kafka==2.16.1 kafka-python==3.0.12; } \
      >"$cache/python.log" 2>&1 || fail "fetching them failed, see $cache/python.log; on Debian: apt-get install python3-venv"
    touch "$python/complete"
  fi
  exec 9>&-
  echo "KAFKA_JARS=$jars"
  echo "PYTHON=$python/bin/python"
}

down() { # NAME
  local pid
  runs "$1" || return 0
  pid=$(cat "$run/$1/pid")
  kill "$pid"
  for _ in $(seq 300); do
    runs "$1" || break
    sleep 0.1
  done
  if runs "$1"; then kill -9 "$pid"; fi
  rm -f "$run/$1/pid"
}

# All at once: a node of several does not end while it waits for a quorum.
down_all() {
  local node
  for node in $(kafka_nodes) registry; do
    if runs "$node"; then kill "$(cat "$run/$node/pid")"; fi
  done
  for node in $(kafka_nodes) registry; do
    down "$node"
  done
}

case ${1:-} in
up)
  up_kafka
  up_registry
  environment
  ;;
env) environment ;;
clients) clients ;;
down) down_all ;;
clean)
  down_all
  rm -rf "${run:?}"/kafka-[0-9]* "${run:?}/registry" "${run:?}/cluster"
  ;;
*) fail "usage: servers.sh up | env | clients | down | clean" ;;
esac
