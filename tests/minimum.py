"""Fails the run when tests that need a real part did not really run: a silent skip is no pass.

Loaded by ``pytest -p tests.minimum``. ``MIN_SERVER_TESTS``: so many tests marked ``servers`` must have run.
``NO_SKIPS=1``: no test may be skipped, and no file of tests either, whatever it lacks (a server, a browser, recorded data, a
package); only what needs torch has a run of its own. Both are set by ``.ci/run``.
"""

from __future__ import annotations

import os

import pytest

_OF_ITS_OWN = "training"  # mark and folder of what runs by `make test-training` alone


class Minimum:
    """Counts the tests whose body ran with something real; only in the process that sees all workers' reports."""

    def __init__(self, wanted: int, *, no_skips: bool = False, training: bool = False) -> None:
        self.wanted = wanted
        self.training = training
        self.no_skips = no_skips
        self.ran = 0
        self.skipped: list[str] = []

    @property
    def short(self) -> bool:
        """Something that should have run did not."""
        return self.ran < self.wanted or (self.no_skips and bool(self.skipped))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and not report.skipped and "servers" in report.keywords:
            self.ran += 1
        if report.skipped and (self.training or _OF_ITS_OWN not in report.keywords):
            self.skipped.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A whole file that is skipped has no tests to be counted."""
        if report.skipped and (self.training or f"tests/{_OF_ITS_OWN}/" not in report.nodeid):
            self.skipped.append(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.short and session.exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(f"tests with real servers: {self.ran} ran, at least {self.wanted} wanted")
        if self.ran < self.wanted:
            terminalreporter.write_line("FAILED: too few of them ran; see the skips above", red=True)
        if self.no_skips and self.skipped:
            shown = "\n  ".join(self.skipped[:20])
            terminalreporter.write_line(f"FAILED: {len(self.skipped)} skipped:\n  {shown}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        wanted = int(os.environ.get("MIN_SERVER_TESTS") or 0)
        training = bool(os.environ.get("VILLAGE_TRAINING"))
        minimum = Minimum(wanted, no_skips=os.environ.get("NO_SKIPS") == "1", training=training)
        config.pluginmanager.register(minimum, "minimum")
