#!/usr/bin/env bash
# What a build needs, on Debian and Ubuntu: packages, then the Rust toolchain of rust-toolchain.toml.
#
#   setup.sh build     to build and to run the demo
#   setup.sh test      that, and what the tests need: Java and Maven for the real Kafka and registry, Python for its clients,
#                      DNS and web servers (their daemons are not started), and what benches are measured against
#
# Installs what is missing when it may (as root); otherwise prints the one command that needs root, and fails.
set -euo pipefail

need() { # COMMAND PACKAGE: the package is wanted when the command is not there
  command -v "$1" >/dev/null || wanted+=("$2")
}
need_file() { # GLOB PACKAGE
  compgen -G "$1" >/dev/null || wanted+=("$2")
}
java_17() { java -version 2>&1 | awk -F'[".]' '/version/ { exit !($2 >= 17) } END { if (!NR) exit 1 }'; }

wanted=()
need cc build-essential
need c++ build-essential
need make build-essential
need curl curl
need git git
need pkg-config pkg-config
need ld.lld lld
need_file '/etc/ssl/certs/ca-certificates.crt' ca-certificates
need_file '/usr/include/openssl/ssl.h' libssl-dev
need_file '/usr/include/zlib.h' zlib1g-dev
need_file '/usr/lib/llvm-*/lib/libclang.so*' libclang-dev
if [ "${1:-build}" = test ]; then
  need mvn maven
  # Clients of others write to a flow.
  need_file '/usr/lib/python3*/ensurepip/__init__.py' python3-venv
  # A process of the fault test sees its clock jump.
  need_file '/usr/lib/*/faketime/libfaketimeMT.so.1' libfaketime
  # The DNS engine is tested against servers that others wrote.
  need_file /usr/sbin/nsd nsd
  need_file /usr/sbin/unbound unbound
  need ldns-signzone ldnsutils
  # So are TLS and pages.
  need_file /usr/sbin/nginx nginx-light
  need openssl openssl
  # Pings are tested in a network of their own, and measured beside fping; look-ups beside libmaxminddb.
  need ip iproute2
  need unshare util-linux
  need fping fping
  need_file /usr/include/maxminddb.h libmaxminddb-dev
  java_17 || wanted+=("$(apt-cache show openjdk-17-jre-headless >/dev/null 2>&1 && echo openjdk-17-jre-headless || echo default-jre-headless)")
fi

if [ ${#wanted[@]} -gt 0 ]; then
  mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | sort -u)
  if ! command -v apt-get >/dev/null; then
    echo "setup.sh: missing: ${wanted[*]} (Debian's names); install them as your system does" >&2
    exit 1
  elif [ "$(id -u)" != 0 ]; then
    echo "setup.sh: some packages are missing. Run this, then try again:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${wanted[*]}" >&2
    exit 1
  fi
  echo "installing ${wanted[*]}" >&2
  apt-get -qq update
  # Tests start servers of their own: a daemon that the installation starts would only take the port.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${wanted[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null && [ ! -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
  echo "installing Rust by rustup" >&2
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y -q --profile minimal --default-toolchain none
fi
