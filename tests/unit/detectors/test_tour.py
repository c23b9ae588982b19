"""The round of a moving camera, told as a story of reports."""

from __future__ import annotations

import pytest

from detectors.runtime.onvif import Position, Preset, Report
from detectors.runtime.tour import Pace, Phase, Tour, Visit

GATE, SLOPE, SCHOOL = (
    Preset("1", "gate", Position(-0.9, 0.0)),
    Preset("2", "slope", Position(0.0, 0.1)),
    Preset("3", "school", Position(0.9, 0.0)),
)
PACE = Pace(dwell_s=10, settle_s=1, turn_s=15, hand_s=60, longest_s=40)


class Story:
    """A camera that turns by 0.3 a second; half a second between two reports."""

    def __init__(self, *presets: Preset, pace: Pace = PACE, tells: bool = True) -> None:
        self.now = 100.0
        self.tour = Tour(presets, pace, self.now)
        self.at = self.goal = Position(0.5, 0.0)
        self.tells = tells
        self.sent: list[str] = []
        self.seen: list[tuple[float, str, bool]] = []

    def go(self, seconds: float) -> Story:
        for _ in range(round(seconds * 2)):
            self.now += 0.5
            way = self.goal.pan - self.at.pan
            step = max(-0.15, min(0.15, way))
            self.at = Position(
                self.at.pan + step if abs(way) > 0.15 else self.goal.pan, self.goal.tilt, self.goal.zoom
            )
            report = Report(self.at, self.at != self.goal) if self.tells else Report(None, None)
            visit = self.tour.step(self.now, report)
            if visit is not None:
                self.sent.append(visit.name)
                assert visit.position is not None
                self.goal = visit.position
            state = (self.tour.place, self.tour.turning)
            if not self.seen or self.seen[-1][1:] != state:
                self.seen.append((self.now - 100, *state))
        return self

    @property
    def places(self) -> list[str]:
        return [place for _, place, _ in self.seen if place]


def test_all_around_and_again() -> None:
    story = Story(GATE, SLOPE, SCHOOL).go(90)
    assert story.places[:5] == ["gate", "slope", "school", "gate", "slope"]
    assert story.seen[0] == (0.5, "", True)


def test_nothing_counts_before_the_camera_has_come_to_rest_and_settled() -> None:
    story = Story(GATE, SLOPE)
    for _ in range(100):
        story.go(0.5)
        if story.tour.place:
            assert story.at == (GATE if story.tour.place == "gate" else SLOPE).position
            assert not story.tour.turning
    looks = [(at, place) for at, place, _ in story.seen if place]
    assert looks[0][0] >= 1.4 / 0.3 + 1, "1.4 to turn, a second to settle"


def test_a_camera_that_says_nothing_of_itself_is_given_its_time() -> None:
    story = Story(GATE, SLOPE, tells=False).go(80)
    assert story.places[:3] == ["gate", "slope", "gate"]
    assert next(at for at, place, _ in story.seen if place) == pytest.approx(16.5, abs=0.5)


def test_a_camera_that_never_arrives_is_taken_as_there_after_a_while() -> None:
    tour = Tour([GATE, SLOPE], PACE, 100.0)
    places = {}
    for tick in range(1, 60):
        tour.step(100 + tick / 2, Report(Position(0.5, 0), moving=True))
        places.setdefault(tour.place, tick / 2)
    assert places["gate"] == pytest.approx(PACE.turn_s + PACE.settle_s, abs=1)


def test_a_place_on_request_comes_next_and_the_camera_returns_to_where_it_was() -> None:
    story = Story(GATE, SLOPE, SCHOOL).go(22)
    assert story.tour.place == "slope"
    story.tour.look_at(Visit(None, Position(0.4, 0.0, 0.5), 5.0, "barn"))
    story.go(60)
    assert story.sent[:5] == ["gate", "slope", "barn", "slope", "school"]


def test_a_request_while_it_turns_waits_for_the_end_of_the_turn_only() -> None:
    story = Story(GATE, SLOPE).go(1)
    assert story.tour.turning
    story.tour.look_at(Visit(None, Position(0.4, 0.0), 5.0, "barn"))
    story.go(30)
    assert story.sent[:3] == ["gate", "barn", "gate"]


def test_a_camera_without_a_round_returns_to_the_bare_position() -> None:
    story = Story().go(5)
    story.tour.look_at(Visit(GATE, GATE.position, 5.0, "gate"))
    story.go(30)
    assert story.sent == ["gate", ""]
    assert story.at == Position(0.5, 0.0)


def test_it_stays_while_something_is_seen_but_not_for_ever() -> None:
    story = Story(GATE, SLOPE).go(10)
    assert story.tour.place == "gate"
    for _ in range(60):
        if story.tour.place != "gate":
            break
        story.tour.stay(story.now, 30)
        story.go(1)
    began = next(at for at, place, _ in story.seen if place == "gate")
    left = next(at for at, place, turning in story.seen if turning and at > began)
    assert left - began == pytest.approx(40, abs=1)


def test_somebody_else_turns_it_and_the_round_waits_until_it_was_left_alone() -> None:
    story = Story(GATE, SLOPE).go(10)
    assert story.tour.place == "gate"
    story.goal = Position(-0.2, 0.0)
    story.go(3)
    assert story.tour.phase is Phase.BY_HAND
    assert (story.tour.place, story.tour.turning) == ("", False)
    sent = len(story.sent)
    story.go(50)
    story.goal = Position(-0.3, 0.0)
    story.go(50)
    assert len(story.sent) == sent, "touched again after 50 s"
    story.go(15)
    assert len(story.sent) > sent


def test_a_single_place_is_held() -> None:
    story = Story(GATE).go(60)
    assert story.sent == ["gate"]
    assert story.tour.place == "gate"


def test_a_place_that_could_not_be_reached_is_skipped() -> None:
    story = Story(GATE, SLOPE)
    story.tour.step(100.5, Report(story.at, moving=False))
    story.tour.failed(100.5)
    assert story.tour.place == ""
    story.go(30)
    assert story.places[0] == "slope"
