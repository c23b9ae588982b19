#!/usr/bin/env bash
# Sets up what a make target needs: bootstrap.sh demo|eyes|test|training|venv
#
# A fresh Debian 12 or Raspberry Pi OS with git, make and python3 is enough. What only apt can bring is installed when
# we are root; otherwise the one line to type is printed. The Python packages go into .venv at the versions of
# requirements/*.txt; .venv is made again only when those (or python itself) change.
set -euo pipefail
cd "$(dirname "$0")/.."

want=${1:?demo, eyes, test, training or venv}
python=${PYTHON:-python3}
venv=.venv
# Debian package -> the program or file it brings. Pictures are opened with OpenCV, which needs two libraries of a desktop;
# cameras and clips need ffmpeg; the rest is for tests alone.
declare -A pictures=([libgl1]='/usr/lib/*/libGL.so.1' [libglib2.0-0]='/usr/lib/*/libgthread-2.0.so.0')
declare -A cameras=([ffmpeg]=ffmpeg)
declare -A server=([mosquitto]=mosquitto [mosquitto-clients]=mosquitto_sub [influxdb]=influxd [victoria-metrics]=victoria-metrics [socat]=socat [mbpoll]=mbpoll [strace]=strace [openssl]=openssl [systemd]=systemd-analyze
  [procps]=pgrep [python3-gi]=/usr/lib/python3/dist-packages/gi/__init__.py
  [gir1.2-gst-rtsp-server-1.0]='/usr/lib/*/girepository-1.0/GstRtspServer-1.0.typelib'
  [gstreamer1.0-plugins-base]='/usr/lib/*/gstreamer-1.0/libgstvideotestsrc.so' [gstreamer1.0-plugins-good]='/usr/lib/*/gstreamer-1.0/libgstrtp.so'
  [gstreamer1.0-plugins-bad]='/usr/lib/*/gstreamer-1.0/libgstx265.so' [gstreamer1.0-plugins-ugly]='/usr/lib/*/gstreamer-1.0/libgstx264.so'
  [gstreamer1.0-libav]='/usr/lib/*/gstreamer-1.0/libgstlibav.so'
  [chromium]=chromium [fonts-noto-cjk]=/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc [poppler-utils]=pdftotext
  [libpango-1.0-0]='/usr/lib/*/libpango-1.0.so.0' [libpangoft2-1.0-0]='/usr/lib/*/libpangoft2-1.0.so.0')

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
installed() { case $1 in /*) compgen -G "$1" >/dev/null ;; *) command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] ;; esac; }

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
  if ! { apt-get update -qq && apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
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
for package in "${!pictures[@]}"; do
  installed "${pictures[$package]}" || wished+=("$package")
done
if [ "$want" != demo ]; then
  installed "${cameras[ffmpeg]}" || wished+=(ffmpeg)
fi
case $want in test | training)
  for package in "${!server[@]}"; do
    installed "${server[$package]}" || wished+=("$package")
  done ;;
esac
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  missing=("${needed[@]}" "${wished[@]}")
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
else
  if [ ${#needed[@]} != 0 ]; then
    die "a Debian package is missing; type this once, then the same make again:
    sudo apt install --no-install-recommends ${needed[*]} ${wished[*]}"
  fi
  [ ${#wished[@]} = 0 ] || say "without these there are no cameras, and tests that need a real server or camera are skipped; to have them too:
    sudo apt install --no-install-recommends ${wished[*]}"
fi

# The sets of packages, each holding the one before it. venv: what a developer needs.
sets=(demo eyes test training)
case $want in venv) set=test ;; *) set=$want ;; esac
files_of() {
  case $1 in demo) echo demo ;; eyes) echo demo vision ;; test) echo demo vision test ;; training) echo demo vision test ultralytics ;; esac
}
# What the environment was made from: python, its place, and the locked versions.
lock_of() {
  local name
  { "$python" --version; pwd; cat requirements/run.txt; for name in $(files_of "$1"); do cat "requirements/$name.txt"; done; } | sha256sum
}
made_from() { [ "$(cat "$venv/.$1" 2>/dev/null)" = "$(lock_of "$1")" ] && $venv/bin/python -c '' 2>/dev/null; }
pip() { $venv/bin/python -m pip --disable-pip-version-check --no-input -qq "$@" </dev/null; }

larger=false enough=false some=false
for name in "${sets[@]}"; do
  [ "$name" = "$set" ] && larger=true
  made_from "$name" || continue
  some=true
  ! $larger || enough=true
done
if ! $enough; then
  say "setting up $venv for $want: some minutes the first time"
  $some || "$python" -m venv --clear $venv  # a larger set only adds to a smaller one
  wanted=()
  for name in $(files_of "$set"); do wanted+=(-r "requirements/$name.txt"); done
  pip install --retries 5 "${wanted[@]}"
  lock_of "$set" >"$venv/.$set"
fi
if ! cmp -s setup.cfg "$venv/.setup.cfg"; then  # the command `village` itself, as setup.cfg describes it
  pip install --no-deps --no-build-isolation -e .  # setuptools is among the locked packages
  cp setup.cfg "$venv/.setup.cfg"
fi
