"""The life of an alert against a small model: whatever happens in whatever order, people end up knowing the truth."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.alerts.desk import Desk, Outcome
from gateway.model import AlertChange, AlertState, Note, Severity
from tests.conftest import NOON
from tests.telling import rule as written
from tests.telling import teller

SEVERITIES = st.sampled_from([Severity.YELLOW, Severity.ORANGE, Severity.RED])
TELLER = teller(written("tilt", []))  # holds nothing that changes
NORMAL, FIRING, LATCHED = AlertState.NORMAL, AlertState.FIRING, AlertState.LATCHED


class Life(RuleBasedStateMachine):
    """One alert, a desk that forgets at every restart what it has not written down, and a person who listens.

    The model: ``state`` and ``severity`` are true; ``heard`` is the worst that people have been told and that has not
    been taken back; ``until`` is when a shelf ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = NOON
        self.notes: dict[tuple[str, str], Note] = {}
        self.desk = Desk(TELLER)
        self.state, self.severity = NORMAL, Severity.INFO
        self.since: datetime | None = None
        self.heard: Severity | None = None
        self.until: datetime | None = None
        self.raises: list[datetime] = []
        self.moved = NOON

    @initialize()
    def begin(self) -> None:
        self.take(self.desk.tick(self.now))

    # -- what happens ----------------------------------------------------------------------------------------------

    @rule(severity=SEVERITIES)
    def fires(self, severity: Severity) -> None:
        if self.state is FIRING and severity == self.severity:
            return
        begins = self.state is not FIRING
        self.since = self.now if self.since is None else self.since
        self.change(FIRING, severity)
        if begins:
            self.raises.append(self.now)

    @precondition(lambda self: self.state is FIRING)
    @rule(latch=st.booleans())
    def is_over(self, latch: bool) -> None:  # drawn
        self.change(LATCHED if latch else NORMAL, self.severity)
        if not latch:
            self.since = None

    @precondition(lambda self: self.state is LATCHED)
    @rule()
    def is_confirmed(self) -> None:
        self.change(NORMAL, self.severity)
        self.since = None

    @rule(hours=st.integers(1, 24))
    def put_aside(self, hours: int) -> None:
        self.until = self.now + timedelta(hours=hours)
        outcome = self.desk.shelve("tilt", "house-7", self.until, "He", "works", now=self.now)
        assert outcome.words == ""
        self.take(outcome)

    @precondition(lambda self: self.until is not None)
    @rule()
    def taken_up(self) -> None:
        self.until = None
        self.take(self.desk.unshelve("tilt", "house-7", "He", self.now))

    @rule()
    def acknowledged(self) -> None:
        self.take(self.desk.acknowledge("tilt", "house-7", "wang", self.now))

    @rule(minutes=st.sampled_from([0.2, 1, 7, 31, 400]))
    def time_passes(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)
        if self.until is not None and self.now >= self.until:
            self.until = None
        self.take(self.desk.tick(self.now))

    @rule()
    def the_power_goes(self) -> None:
        self.desk = Desk(TELLER)
        self.desk.recall(self.notes.values())
        outcome = self.desk.tick(self.now)
        due = [one for one in outcome.tellings if one.rows or one.closing]
        assert due == [], "starting tells nobody anything"
        self.take(outcome)

    @rule(days=st.sampled_from([-2, -1, 1, 30]))
    def the_clock_is_stepped(self, days: int) -> None:
        by = timedelta(days=days)
        outcome = self.desk.shift(by.total_seconds())
        assert outcome.tellings == []
        self.now += by
        self.since = None if self.since is None else self.since + by
        self.until = None if self.until is None else self.until + by
        self.raises = [at + by for at in self.raises]
        self.moved += by
        self.take(outcome)
        again = self.desk.tick(self.now)
        assert [one for one in again.tellings if one.rows or one.closing] == []
        self.take(again)

    # -- what people hear ------------------------------------------------------------------------------------------

    def change(self, state: AlertState, severity: Severity) -> None:
        told = AlertChange(
            self.now,
            "tilt",
            "house-7",
            self.state,
            state,
            severity,
            1.0,
            "why",
            self.since,
            was=self.severity,
        )
        self.state, self.severity = state, severity if state is not NORMAL else Severity.INFO
        self.moved = self.now
        self.take(self.desk.hear([told], self.now))

    def take(self, outcome: Outcome) -> None:
        for note in outcome.notes:
            if note.text:
                self.notes[note.kind, note.key] = note
            else:
                self.notes.pop((note.kind, note.key), None)
        for one in outcome.tellings:
            if one.rows:
                assert self.until is None, "what is put aside is told to nobody"
                assert self.state is not NORMAL, "what is over is never told as true"
                self.heard = max(self.heard or one.severity, one.severity)
            if one.closing:
                assert self.heard is not None, "nobody hears that it is over before he heard that it began"
                if self.state is NORMAL:
                    self.heard = None
            if one.again is not None:
                assert self.until is None
                assert self.heard is not None

    @invariant()
    def people_know_the_truth(self) -> None:
        """Unless it is put aside, or comes and goes: then they know it half an hour after it has calmed down."""
        calm = self.now - self.moved >= timedelta(minutes=31)
        often = len([at for at in self.raises if self.moved - at < timedelta(minutes=61)]) >= 3
        if self.until is not None or (often and not calm):
            return
        if self.state is NORMAL:
            assert self.heard is None
        else:
            assert self.heard is not None
            assert self.heard >= self.severity

    def teardown(self) -> None:
        """In the end, with nothing in the way, people know the truth, and nothing is remembered of what is over."""
        if self.until is not None:
            self.taken_up()
        self.now += timedelta(minutes=31)
        self.take(self.desk.tick(self.now))
        self.people_know_the_truth()
        if self.state is NORMAL:
            self.now += timedelta(minutes=31)
            self.take(self.desk.tick(self.now))
            assert [key for key in self.notes if key[0] == "matter"] == []


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=100, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
