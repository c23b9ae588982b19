#!/usr/bin/env bash
# Writes requirements/run.txt, demo.txt and test.txt: the newest versions that the ranges in setup.cfg allow.
# Each file holds what it adds to the one before it.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p requirements "$work/source"
cp -r setup.cfg pyproject.toml README.md LICENSE gateway drivers config "$work/source"  # a build leaves its traces there

freeze() {  # name, extras, the file it builds on
  "${PYTHON:-python3}" -m venv "$work/$1"
  local pip=("$work/$1/bin/python" -m pip --disable-pip-version-check -q)
  "${pip[@]}" install ${3:+-c "requirements/$3.txt"} "setuptools>=77" "$work/source$2"
  {
    echo "# Written by scripts/lock.sh from the ranges in setup.cfg; do not edit."
    [ -z "${3:-}" ] || echo "-r $3.txt"
    # one requirement a line, without our own package, pip, and what the file below already says
    "${pip[@]}" freeze --all --exclude village-gateway --exclude pip | sort -f \
      | { [ -z "${3:-}" ] && cat || grep -vxFf <(cat requirements/run.txt ${3:+requirements/$3.txt}) || true; }
  } >"$work/$1.txt"
  mv "$work/$1.txt" "requirements/$1.txt"
}

freeze run ""
freeze demo "[demo]" run
freeze test "[demo,test]" demo
