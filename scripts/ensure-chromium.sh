#!/usr/bin/env bash
# Makes sure that the tests of the dashboard find a Chromium (in CHROMIUM or on PATH). Installs Debian's package where it may;
# otherwise says the one line that does, and fails.
set -euo pipefail

has_chromium() {
  command -v "${CHROMIUM:-chromium}" >/dev/null || command -v google-chrome >/dev/null
}

if has_chromium; then
  exit 0
fi
if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
  echo "The tests of the dashboard need Chromium, in CHROMIUM or on PATH." >&2
  echo "  Debian, Ubuntu: sudo apt-get install -y chromium" >&2
  echo "  macOS: install Google Chrome, and set CHROMIUM to its binary" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium
has_chromium || { echo "chromium was installed and is not on PATH. Set CHROMIUM to it." >&2; exit 1; }
