#!/usr/bin/env bash
# Writes requirements/*.txt: the newest versions that the ranges in setup.cfg allow.
# Each file holds what it adds to the ones it builds on. ultralytics.txt is heavy (torch) and only for training: on x86 its
# torch is held at the last release whose ordinary wheel is the processor's (later ones bring 3 GB for graphics cards).
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p requirements "$work/source"
cp -r setup.cfg pyproject.toml README.md LICENSE gateway drivers detectors dashboards config "$work/source"  # a build leaves its traces there

freeze() {  # name, extras, files it includes, files whose versions it keeps to, further words for pip
  local name=$1 extras=$2 includes=$3 keeps=$4 file
  shift 4
  "${PYTHON:-python3}" -m venv "$work/$name"
  local pip=("$work/$name/bin/python" -m pip --disable-pip-version-check -q) limits=() said=()
  for file in $keeps; do limits+=(-c "requirements/$file.txt"); done
  for file in $includes; do said+=("requirements/$file.txt"); done
  [ -z "$includes" ] || said+=(requirements/run.txt)
  "${pip[@]}" install "${limits[@]}" "$@" "setuptools>=77" "$work/source$extras"
  {
    echo "# Written by scripts/lock.sh from the ranges in setup.cfg; do not edit."
    for file in $includes; do echo "-r $file.txt"; done
    # one requirement a line, without our own package, pip, and what the included files already say
    "${pip[@]}" freeze --all --exclude village-gateway --exclude pip | sed 's/+cpu$//' | sort -f \
      | grep -vxFf <(cat /dev/null "${said[@]}") || true
  } >"$work/$name.txt"
  mv "$work/$name.txt" "requirements/$name.txt"
}

freeze run "" "" ""
freeze vision "[vision]" run run
freeze demo "[demo]" run "run vision"
freeze test "[demo,vision,test]" "demo vision" "run demo vision"
freeze ultralytics "[vision,vision-ncnn,vision-openvino,vision-ultralytics]" vision "run vision test" torch==2.13.0 torchvision==0.28.0
