#!/usr/bin/env bash
# Sets up what a make target needs: bootstrap.sh demo|test|venv
#
# A fresh Debian 12 or Raspberry Pi OS with git, make and python3 is enough. What only apt can bring is installed when
# we are root; otherwise the one line to type is printed. The Python packages go into .venv at the versions of
# requirements/*.txt; .venv is made again only when those (or python itself) change.
set -euo pipefail
cd "$(dirname "$0")/.."

want=${1:?demo, test or venv}
python=${PYTHON:-python3}
venv=.venv
# package -> the program it brings; only the tests need these
declare -A server=([mosquitto]=mosquitto [influxdb]=influxd [victoria-metrics]=victoria-metrics [socat]=socat [mbpoll]=mbpoll [strace]=strace [openssl]=openssl [systemd]=systemd-analyze)

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
installed() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }

# Installs Debian packages as root, without letting any server among them start or be started at the next boot.
apt_install() {
  say "installing with apt: $*"
  local log policy=/usr/sbin/policy-rc.d
  log=$(mktemp)
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"  # invoke-rc.d: "action forbidden by policy"
    chmod 755 "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    die "apt could not install: $* (whole log: $log)"
  fi
  rm -f "$log"
  if command -v systemctl >/dev/null 2>&1; then
    for package in "$@"; do
      systemctl disable "$package" >/dev/null 2>&1 || true  # not every package brings a service
    done
  fi
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  || die "python3 3.11 or newer is needed (found: $("$python" --version 2>&1 || echo none)); Debian 12 has it: apt install python3"

needed=()
"$python" -c 'import ensurepip, venv' 2>/dev/null || needed+=(python3-venv)
wished=()
if [ "$want" = test ]; then
  for package in "${!server[@]}"; do
    installed "${server[$package]}" || wished+=("$package")
  done
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  missing=("${needed[@]}" "${wished[@]}")
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
else
  if [ ${#needed[@]} != 0 ]; then
    die "a Debian package is missing; type this once, then the same make again:
    sudo apt install --no-install-recommends ${needed[*]} ${wished[*]}"
  fi
  [ ${#wished[@]} = 0 ] || say "without these the tests that talk to real servers are skipped; to run them too:
    sudo apt install --no-install-recommends ${wished[*]}"
fi

case $want in demo) extra=demo ;; *) extra=test ;; esac
# What the environment was made from: python, its place, and the locked versions. The test set holds the demo set.
lock_of() { { "$python" --version; pwd; cat requirements/run.txt requirements/demo.txt; [ "$1" = demo ] || cat requirements/test.txt; } | sha256sum; }
made_from() { [ "$(cat "$venv/.$1" 2>/dev/null)" = "$(lock_of "$1")" ] && $venv/bin/python -c '' 2>/dev/null; }
pip() { $venv/bin/python -m pip --disable-pip-version-check --no-input -qq "$@" </dev/null; }

if ! { made_from "$extra" || made_from test; }; then
  say "setting up $venv for $want: some minutes the first time"
  made_from demo || "$python" -m venv --clear $venv  # the test set only adds to the demo set
  pip install --retries 5 -r requirements/$extra.txt
  lock_of "$extra" >"$venv/.$extra"
fi
if ! cmp -s setup.cfg "$venv/.setup.cfg"; then  # the command `village` itself, as setup.cfg describes it
  pip install --no-deps --no-build-isolation -e .  # setuptools is among the locked packages
  cp setup.cfg "$venv/.setup.cfg"
fi
