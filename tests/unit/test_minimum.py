"""The guard against silently skipped server tests."""

from __future__ import annotations

import pytest

from tests.minimum import Minimum


def _report(outcome: str, when: str = "call", *keywords: str) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid="t",
        location=("t", 0, "t"),
        keywords=dict.fromkeys(keywords, 1),
        outcome=outcome,
        longrepr=None,
        when=when,
    )  # type: ignore[arg-type]


def test_only_server_tests_whose_body_ran_are_counted() -> None:
    minimum = Minimum(2)
    for report in (
        _report("passed", "call", "servers"),
        _report("failed", "call", "servers"),
        _report("skipped", "call", "servers"),
        _report("passed", "setup", "servers"),
        _report("passed", "call", "recorded"),
    ):
        minimum.pytest_runtest_logreport(report)
    assert minimum.ran == 2


@pytest.mark.parametrize(("wanted", "status"), [(0, 0), (1, 1)])
def test_a_run_with_too_few_of_them_fails(wanted: int, status: int) -> None:
    class Session:
        exitstatus = pytest.ExitCode.OK

    session = Session()
    Minimum(wanted).pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == status


@pytest.mark.parametrize(
    ("no_skips", "mark", "status"),
    [(True, "browser", 1), (False, "browser", 0), (True, "asyncio", 1), (True, "training", 0)],
)
def test_a_skip_fails_the_run_where_none_are_allowed(no_skips: bool, mark: str, status: int) -> None:
    class Session:
        exitstatus = pytest.ExitCode.OK

    session, minimum = Session(), Minimum(0, no_skips=no_skips)
    minimum.pytest_runtest_logreport(_report("skipped", "setup", mark))
    minimum.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == status


@pytest.mark.parametrize(
    ("file", "training", "status"),
    [
        ("tests/wire/test_eyes.py", False, 1),
        ("tests/training/test_training.py", False, 0),
        ("tests/training/test_training.py", True, 1),
    ],
)
def test_a_file_that_is_skipped_as_a_whole_counts_as_well(file: str, training: bool, status: int) -> None:
    class Session:
        exitstatus = pytest.ExitCode.OK

    session, minimum = Session(), Minimum(0, no_skips=True, training=training)
    minimum.pytest_collectreport(pytest.CollectReport(file, "skipped", None, []))
    minimum.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == status
