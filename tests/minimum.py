"""Fails the run when fewer tests than promised have really talked to a real server: a silent skip is no pass.

Loaded by ``pytest -p tests.minimum``; the number comes from the environment, ``MIN_SERVER_TESTS`` (see ``.ci/run``).
"""

from __future__ import annotations

import os

import pytest


class Minimum:
    """Counts the tests marked ``servers`` whose body ran; only in the process that sees all workers' reports."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.ran = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and not report.skipped and "servers" in report.keywords:
            self.ran += 1

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.ran < self.wanted and session.exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(f"tests with real servers: {self.ran} ran, at least {self.wanted} wanted")
        if self.ran < self.wanted:
            terminalreporter.write_line("FAILED: too few of them ran; see the skips above", red=True)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Minimum(int(os.environ.get("MIN_SERVER_TESTS") or 0)), "minimum")
