#!/usr/bin/env bash
# Makes sure that the tests find redis-server >= 7.0 (in REDIS_SERVER or on PATH) and a python3 with the redis package
# (for the Python producer). Installs Debian's packages where it may; otherwise says the one line that does, and fails.
set -euo pipefail

redis_version() {
  local binary
  binary=$(command -v "${REDIS_SERVER:-redis-server}") || return 1
  # Redis says "Redis server v=7.0.15 …", Valkey "Valkey server v=8.0.1 …".
  "$binary" --version | sed -nE 's/.*v=([0-9]+\.[0-9]+)[0-9.]*.*/\1/p'
}

redis_is_new_enough() {
  local version
  version=$(redis_version) && [[ "${version%%.*}" =~ ^[0-9]+$ ]] && ((${version%%.*} >= 7))
}

python_has_redis() {
  "${PYTHON:-/usr/bin/python3}" -c 'import redis' 2>/dev/null
}

missing=()
redis_is_new_enough || missing+=(redis-server)
python_has_redis || missing+=(python3-redis)
if ((${#missing[@]} == 0)); then
  exit 0
fi

if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
  echo "The tests need redis-server >= 7.0 and, for the Python example, python3 with redis. Missing: ${missing[*]}." >&2
  echo "  Debian, Ubuntu: sudo apt-get install -y ${missing[*]}" >&2
  echo "  macOS: brew install redis; pip3 install redis, and set PYTHON to that python3" >&2
  exit 1
fi

# The package must not start a daemon of its own: 101 is policy-rc.d's "not allowed".
policy=/usr/sbin/policy-rc.d
if [[ ! -e "$policy" ]]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"

if ! redis_is_new_enough; then
  echo "redis-server is $(redis_version || echo missing), and 7.0 or newer is needed. Set REDIS_SERVER to one." >&2
  exit 1
fi
python_has_redis || { echo "python3 cannot import redis. Set PYTHON to a python3 that can." >&2; exit 1; }
