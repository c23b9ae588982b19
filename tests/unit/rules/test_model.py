"""The life of a step against a small model that keeps the whole history and decides from it anew each time."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.rules.told import Teller

ABOVE, CLEAR = 80.0, 60.0


class Model:
    """What the table says, minute by minute, from a list of (minute, value)."""

    def __init__(self, hold: int, keep: int, latch: bool) -> None:
        self.hold, self.keep, self.latch = hold, keep, latch
        self.side = self.confirmed = self.unknown = False
        self.state = "normal"
        self.since = 0

    def settle(self, now: int) -> None:
        if self.state == "pending" and self.side and now - self.since >= self.hold:
            self.state = "firing"
        if self.state == "recovering" and not self.unknown and now - self.since >= self.keep:
            self.state = "latched" if self.latch and not self.confirmed else "normal"
        if self.state == "normal":
            self.confirmed = False

    def read(self, now: int, value: float) -> None:
        self.settle(now)
        self.unknown = False
        self.side = value > ABOVE or (self.side and value >= CLEAR)
        if self.side and self.state in {"normal", "latched"}:
            self.state, self.since = "pending", now
        elif self.side and self.state == "recovering":
            self.state = "firing"
        elif not self.side and self.state == "pending":
            self.state = "normal"
        elif not self.side and self.state == "firing":
            self.state, self.since = "recovering", now
        self.settle(now)

    def confirm(self) -> None:
        if self.state == "latched":
            self.state, self.confirmed = "normal", False
        elif self.state in {"firing", "recovering"}:
            self.confirmed = True


class Life(RuleBasedStateMachine):
    @initialize(hold=st.sampled_from([0, 7, 20]), keep=st.sampled_from([0, 15]), latch=st.booleans())
    def open(self, hold, keep, latch):
        # a latched step that waits again is still latched: kept apart so that the model stays a table
        hold = 0 if latch else hold
        self.told = Teller(
            f"when: {{fill: {{above: 80 %, clear_below: 60 %}}}}\nfor: {hold} min\nkeep: {keep} min\n"
            f"latch: {str(latch).lower()}"
        )
        self.model = Model(hold, keep, latch)
        self.now = 0
        self.told.tick(0)

    @rule(value=st.sampled_from([10.0, 59.9, 60.0, 70.0, 80.0, 80.1, 99.0]))
    def read(self, value):
        self.model.read(self.now, value)
        self.told.read(self.now, "fill", value)

    @rule()
    def missing(self):
        self.model.settle(self.now)
        self.model.unknown = True
        self.told.missing(self.now, "fill")

    @rule(minutes=st.integers(1, 30))
    def time_passes(self, minutes):
        for _ in range(minutes):
            self.now += 1
            self.model.settle(self.now)
            self.told.tick(self.now)

    @rule()
    def a_person_confirms(self):
        self.model.confirm()
        self.told.event(self.now, "alert_confirmed", rule="it", target="d")

    @rule()
    def restart_and_hear_the_same_again(self):
        value = 99.0 if self.model.side else 10.0
        before = len(self.told.changes)
        self.told.restart()
        assert len(self.told.changes) == before
        self.told.tick(self.now)
        self.read(value)

    @invariant()
    def the_table_is_right(self):
        if hasattr(self, "model"):
            assert self.told.state().split()[0] == self.model.state

    @invariant()
    def what_is_told_alternates(self):
        if hasattr(self, "told"):
            states = [one.after.value for one in self.told.changes if one.told and one.rule == "it"]
            assert all(one != two for one, two in pairwise(states))


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
