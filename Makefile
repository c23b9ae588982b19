# Everything a newcomer types. Each target sets up what it needs (scripts/bootstrap.sh) and nothing else.
SHELL := /bin/bash
PYTHON ?= python3
export PYTHON
BIN := .venv/bin
# Tests that need a real server must have run at least this often, or `make test` fails (set by .ci/run).
MIN_SERVER_TESTS ?= 0
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test test-training venv install install-eyes lock clean

help:  ## these lines
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22
	@echo "  FOR=30s           ends the demo after that long and prints a summary, e.g. make demo FOR=30s"

demo:  ## a whole simulated village on this machine: no root, no broker, no database needed; Ctrl-C ends it
	@scripts/bootstrap.sh demo
	@$(BIN)/village demo $(if $(FOR),--for $(FOR)) $(DEMO)

test:  ## lint, types, import contract and all tests; as root installs the Debian servers they talk to
	@scripts/bootstrap.sh test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	MIN_SERVER_TESTS=$(MIN_SERVER_TESTS) $(BIN)/python -m pytest -q -p tests.minimum -n $(JOBS) --dist worksteal $(TESTS)

test-training:  ## the tests that need torch and ultralytics (1.8 GB): training, export, their own models; part of .ci/run
	@scripts/bootstrap.sh training
	VILLAGE_TRAINING=1 $(BIN)/python -m pytest -q -p tests.minimum -n 0 -m training $(TESTS)

venv:  ## .venv with the command `village` and all development tools
	@scripts/bootstrap.sh venv
	@echo "try: $(BIN)/village --help"

install:  ## (root) the systemd unit and /etc/village for a checkout in /opt/village; SERIAL=1 for RS-485 adapters, EYES=1 for cameras
	@test "$$(id -u)" = 0 || { echo "make install needs root: sudo make install"; exit 1; }
	@test "$(CURDIR)" = /opt/village || echo "note: the unit starts /opt/village/.venv/bin/village, this checkout is $(CURDIR)"
	@scripts/bootstrap.sh $(if $(EYES),eyes,demo)
	install -d -m 755 $(DESTDIR)/etc/village $(DESTDIR)/etc/systemd/system $(DESTDIR)/usr/local/bin
	install -d -m 700 $(DESTDIR)/etc/village/credentials
	install -m 644 systemd/*.service systemd/*.timer $(DESTDIR)/etc/systemd/system/
	if [ -n "$(SERIAL)" ]; then install -d $(DESTDIR)/etc/systemd/system/village-gateway.service.d && \
	  install -m 644 systemd/village-gateway.service.d/serial.conf $(DESTDIR)/etc/systemd/system/village-gateway.service.d/; fi
	if [ -n "$(EYES)" ]; then $(MAKE) --no-print-directory install-eyes; fi
	ln -sf /opt/village/.venv/bin/village $(DESTDIR)/usr/local/bin/village
	if [ -z "$(DESTDIR)" ] && command -v systemctl >/dev/null; then systemctl daemon-reload; fi
	@echo "next: village init /etc/village --mqtt localhost   then: systemctl enable --now village-gateway"

# What `worker: unit` needs: a folder for the cameras' passwords, the group and the folders in which both units meet.
install-eyes:
	install -d -m 700 $(DESTDIR)/etc/village/eyes
	install -d -m 755 $(DESTDIR)/etc/sysusers.d $(DESTDIR)/etc/tmpfiles.d $(DESTDIR)/etc/systemd/system/village-gateway.service.d
	install -m 644 systemd/village-eyes.sysusers $(DESTDIR)/etc/sysusers.d/village-eyes.conf
	install -m 644 systemd/village-eyes.tmpfiles $(DESTDIR)/etc/tmpfiles.d/village-eyes.conf
	install -m 644 systemd/village-gateway.service.d/eyes.conf $(DESTDIR)/etc/systemd/system/village-gateway.service.d/
	if [ -n "$(DECODER)" ]; then install -d $(DESTDIR)/etc/systemd/system/village-eyes.service.d && \
	  install -m 644 systemd/village-eyes.service.d/hardware.conf $(DESTDIR)/etc/systemd/system/village-eyes.service.d/; fi
	if [ -z "$(DESTDIR)" ] && command -v systemd-sysusers >/dev/null; then \
	  systemd-sysusers village-eyes.conf && systemd-tmpfiles --create village-eyes.conf; fi

lock:  ## new versions into requirements/*.txt, from the ranges in setup.cfg
	@scripts/lock.sh

clean:  ## removes what the targets above have made inside this folder
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
