"""Events against truth, and the table a person writes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

from detectors.evaluation import score, table, truth
from detectors.evaluation.score import Outcome, Said, at_most
from detectors.evaluation.truth import Truth
from gateway.errors import SettingsError

ROOT = Path(__file__).parents[3]
FINDABLE = truth.findable(["hit_and_run"])


def clip(kind: str = "collision", at_s: float | None = 4.0) -> Truth:
    return Truth("a.mp4", Path("a.mp4"), kind, at_s)


def alarm(at_s: float, kind: str = "collision", *, review: bool = False, state: str = "confirmed") -> Said:
    return Said(kind, state, review, at_s)


def judge(said: Iterable[Said], one: Truth | None = None, seconds: float = 10.0) -> Outcome:
    return score.outcome(one or clip(), FINDABLE, list(said), seconds=seconds, ms=50.0)


@pytest.mark.parametrize(("at_s", "found"), [(2.9, False), (3.0, True), (9.0, True)])
def test_an_event_finds_the_truth_from_a_second_before_to_five_after_a_collision(
    at_s: float, found: bool
) -> None:
    outcome = judge([alarm(at_s)])
    assert (outcome.found_s == at_s) is found
    assert outcome.false == (() if found else ("collision",))


def test_an_alarm_that_comes_later_is_late_neither_found_nor_false() -> None:
    outcome = judge([alarm(9.1)])
    assert (outcome.found_s, outcome.level, outcome.false) == (None, "late", ())
    whole = score.report([outcome])
    assert (whole.found, whole.late, whole.noticed, whole.recall, whole.precision) == (0, 1, 1, 0.0, None)


def test_each_kind_of_alarm_has_its_own_time() -> None:
    """Smoke may take half a minute to say that there is a fire."""
    fire = truth.findable(["fire"])
    outcome = score.outcome(clip("fire", 0.0), fire, [alarm(25, "smoke")], seconds=60, ms=1)
    assert outcome.found_s == 25


def test_a_hit_and_run_says_that_there_was_a_collision_but_not_the_other_way_round() -> None:
    assert judge([alarm(6, "hit_and_run")]).found_s == 6
    assert judge([alarm(6)], clip("hit_and_run")).found_s is None


def test_further_alarms_of_the_same_thing_belong_to_it() -> None:
    assert judge([alarm(5), alarm(20, "hit_and_run"), alarm(8)]).false == ()


def test_what_comes_before_or_beside_it_is_false() -> None:
    outcome = judge([alarm(1), alarm(5), alarm(6, "stalled_vehicle")])
    assert outcome.found_s == 5
    assert outcome.false == ("collision", "stalled_vehicle")


def test_a_look_and_a_candidate_are_no_alarms_but_it_was_noticed() -> None:
    assert (judge([alarm(5, review=True)]).level, judge([alarm(5, state="candidate")]).level) == (
        "review",
        "candidate",
    )
    quiet = judge(
        [alarm(5, review=True), alarm(6, state="candidate"), alarm(7, state="ongoing")], clip("", None)
    )
    assert (quiet.false, quiet.reviews, quiet.candidates) == ((), 1, 1)


def test_without_a_time_it_may_come_anywhere() -> None:
    assert judge([alarm(0.1)], clip(at_s=None)).found_s == 0.1


def test_a_clip_of_something_these_detectors_cannot_find_is_a_quiet_one() -> None:
    outcome = judge([alarm(5)], clip("fire"))
    assert outcome.truth.kind == ""
    assert outcome.false == ("collision",)


def test_the_report_tells_rates_only_of_quiet_clips() -> None:
    outcomes = [
        judge([alarm(5)]),
        judge([alarm(6.5)]),
        judge([]),
        judge([alarm(1)]),
        judge([alarm(5)], clip("", None), seconds=1800),
        judge([alarm(5, review=True)], clip("", None), seconds=1800),
    ]
    whole = score.report(outcomes)
    assert (whole.truths, whole.found, whole.false, whole.false_in_quiet) == (4, 2, 2, 1)
    assert whole.recall == 0.5
    assert whole.precision == 0.5
    assert whole.rate == pytest.approx(1.0)
    assert whole.rate_below == pytest.approx(4.74, abs=0.01)
    assert whole.review_rate == pytest.approx(1.0)
    assert (whole.delay_median_s, whole.delay_worst_s) == (1.75, 2.5)


@pytest.mark.parametrize(("count", "bound"), [(0, 2.996), (1, 4.744), (2, 6.296), (10, 16.962), (100, 118.1)])
def test_the_upper_bound_is_the_one_of_the_tables(count: int, bound: float) -> None:
    """Half the 95 % quantile of chi-squared with 2 (count + 1) degrees of freedom."""
    assert at_most(count) == pytest.approx(bound, rel=1e-3)


def test_without_quiet_clips_nothing_is_claimed_about_false_alarms() -> None:
    whole = score.report([judge([alarm(5)])])
    assert whole.rate is whole.rate_below is None
    assert any(
        "nothing is known about false alarms" in line for line in table.lines([judge([alarm(5)])], whole)
    )


def test_the_table_says_what_an_hour_without_alarm_is_worth() -> None:
    outcomes = [judge([], clip("", None), seconds=3600)]
    said = "\n".join(table.lines(outcomes, score.report(outcomes)))
    assert "with 95 % confidence below 3" in said
    assert "75 hours" in said


def test_the_truth_is_read_as_people_write_it(tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / f"{name}.mp4").touch()
    rows = [
        "file,truth,time_s,note",
        'a.mp4,collision,"~4.2","x"',
        "b.mp4,hit_and_run_like,3,",
        "c.mp4,normal,,",
    ]
    rows += ["d.mp4,no_fire,,", 'e.mp4,fire,"from start, grows",']
    (tmp_path / "clips.csv").write_text("\n".join(rows), encoding="utf-8")
    found = [(one.kind, one.at_s) for one in truth.read(tmp_path / "clips.csv")]
    assert found == [("collision", 4.2), ("collision", 3.0), ("", None), ("", None), ("fire", 0.0)]


def test_faults_in_the_table_name_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    path = tmp_path / "clips.csv"
    path.write_text("file,truth,time_s\na.mp4,Crash!,soon\nnowhere.mp4,fire,1\n", encoding="utf-8")
    with pytest.raises(SettingsError) as told:
        truth.read(path)
    assert [(fault.line, fault.key) for fault in told.value.faults] == [
        (2, "truth"),
        (2, "time_s"),
        (3, "file"),
    ]
    path.write_text("name,what\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="no such column"):
        truth.read(path)


def test_the_command_looks_through_clips_and_says_what_came_of_it(tmp_path: Path) -> None:
    """A drawn clip in which something moves for four seconds, a still one, and the detector without a model."""
    for name, moves in (("moving.avi", True), ("still.avi", False)):
        film = cv2.VideoWriter(str(tmp_path / name), cv2.VideoWriter.fourcc(*"MJPG"), 5, (320, 240))
        for number in range(50):
            picture = np.full((240, 320, 3), 90, np.uint8)
            if moves and 15 <= number < 40:
                cv2.rectangle(picture, (6 * number, 100), (6 * number + 60, 180), (240, 240, 240), -1)
            film.write(picture)
        film.release()
    (tmp_path / "clips.csv").write_text("file,truth,time_s,note\nmoving.avi,motion,~3,\nstill.avi,normal,,\n")
    words = [
        sys.executable,
        "-m",
        "gateway",
        "vision",
        "evaluate",
        str(tmp_path / "clips.csv"),
        "--kind",
        "motion",
    ]
    done = subprocess.run(
        [*words, "--set", "review=false", "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [one["level"] for one in said["clips"]] == ["alarm", None]
    assert said["report"]["recall"] == 1.0
    assert said["report"]["false"] == 0
    assert said["report"]["quiet_hours"] == pytest.approx(9.8 / 3600, rel=0.05)


def test_a_model_that_is_missing_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / "clips.csv").write_text("file,truth,time_s\na.mp4,fire,1\n")
    words = [sys.executable, "-m", "detectors.evaluation", str(tmp_path / "clips.csv"), "--kind", "fire"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False, timeout=120)
    assert done.returncode == 78
    assert "Traceback" not in done.stderr
    assert "no model" in done.stderr
