"""The journal against a list: whatever happens to it, it holds what the list holds."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.clock import ManualClock
from gateway.model import Delivery, Event, Flag, Reading
from gateway.settings import StoreSettings
from gateway.store.journal import Journal
from gateway.store.reader import USABLE, Reader
from tests.conftest import NOON
from tests.unit.store.builders import Slip, after

SETTINGS = StoreSettings(quota=50_000_000)
SERIES = ["a/x", "b/y", "c/z"]
HOUR = timedelta(hours=1)

readings = st.builds(
    lambda series, second, value, flag: Reading(
        series, None if flag is Flag.MISSING else value, after(seconds=second), after(hours=9), flag
    ),
    st.sampled_from(SERIES),
    st.integers(0, 3 * 3600).map(lambda n: n - n % 97),  # few enough that times collide
    st.integers(-5, 5).map(float),
    st.sampled_from([Flag.GOOD, Flag.GOOD, Flag.UNKNOWN, Flag.SUSPECT, Flag.FAIL, Flag.MISSING]),
)


class JournalModel(RuleBasedStateMachine):
    """Puts, waits, crashes, evicts and reopens; compares after every step."""

    @initialize()
    def begin(self):
        self.home = Path(tempfile.mkdtemp(prefix="journal-model-"))
        self.folder = self.home / "0"
        self.clock = ManualClock(after(hours=9))
        self.written: list[Reading] = []
        self.events: list[Event] = []
        self.latest: dict[str, Reading] = {}
        self.slips: list[Slip] = []
        self.evicted = 0
        self.marks: dict[str, str] = {}
        self.open()

    def open(self):
        self.journal = Journal(self.folder, self.clock, SETTINGS, boot="boot-1")
        self.journal.open()

    def teardown(self):
        if hasattr(self, "journal"):
            self.journal.close()
            shutil.rmtree(self.home)

    def settle(self):
        self.journal._writer.ask(lambda: None)

    @rule(items=st.lists(readings, max_size=8))
    def put(self, items):
        slip = Slip()
        asyncio.run(self.journal.append(Delivery(tuple(items), slip)))
        self.slips.append(slip)
        for item in items:
            have = self.latest.get(item.series)
            if have is not None and (have.at, have.value) == (item.at, item.value):
                continue
            self.written.append(item)
            if have is None or item.at >= have.at:
                self.latest[item.series] = item

    @rule(number=st.integers(0, 1000))
    def happen(self, number):
        event = Event("cam", "seen", after(seconds=len(self.events)), NOON, 0.5, {"n": float(number)})
        asyncio.run(self.journal.append(Delivery((event,))))
        self.events.append(event)

    @rule(text=st.text(max_size=5))
    def mark(self, text):
        self.journal.set_bookmark("sink", text)
        self.marks["sink"] = text

    @rule(seconds=st.integers(0, 4000))
    def wait(self, seconds):
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))

    @rule()
    def flush(self):
        self.journal.flush()

    @rule()
    def rotate(self):
        self.journal._writer.ask(self.journal._keeper.shelf.rotate)

    @rule()
    def evict(self):
        self.settle()
        oldest = self.journal._keeper.shelf.segments[0].rows
        if self.journal._writer.ask(self.journal._keeper.shelf.evict_oldest):
            self.evicted += oldest

    @rule()
    def reopen(self):
        self.journal.close()
        self.open()

    @rule()
    def crash(self):
        """The files as a process leaves them that is killed between two commits."""
        self.settle()
        fresh = self.home / str(int(self.folder.name) + 1)
        shutil.copytree(self.folder, fresh)
        self.journal.close()
        shutil.rmtree(self.folder)
        self.folder = fresh
        self.open()
        kept = self.journal.bookmark("sink")  # it may be older, it cannot be another
        self.marks = {} if kept is None else {"sink": kept}

    @rule()
    def lose_the_book(self):
        self.journal.close()
        if self.events or self.marks or self.evicted:
            self.open()
            return
        (self.folder / "journal" / "book.db").unlink()
        self.open()

    @invariant()
    def it_holds_what_the_list_holds(self):
        if not hasattr(self, "journal"):
            return
        self.settle()
        assert all(slip.settled == 1 for slip in self.slips)
        kept = self.written[self.evicted :]
        entries = self.journal.entries(0, 100_000)
        assert [entry.item for entry in entries] == kept
        assert [entry.seq for entry in entries] == sorted({entry.seq for entry in entries})
        assert [entry.item for entry in self.journal.events(0, 100_000)] == self.events
        assert {name: (r.at, r.value) for name, r in self.journal.latest().items()} == {
            name: (r.at, r.value) for name, r in self.latest.items()
        }
        assert self.journal.status().evicted == self.evicted
        for series in SERIES:
            best = {item.at: item for item in kept if item.series == series}
            assert self.journal.readings(series, NOON, after(days=1)) == [best[at] for at in sorted(best)]
        if self.marks:
            assert self.journal.bookmark("sink") == self.marks["sink"]

    @rule()
    def roll_ups_agree(self):
        self.journal.flush()
        horizon = max((item.at for item in self.written[: self.evicted]), default=NOON - HOUR)
        best = {(item.series, item.at): item for item in self.written}
        last = self.clock.now() - timedelta(minutes=1)
        with Reader(self.journal.folder) as reader:
            for number in range(3):
                hour = NOON + number * HOUR
                if hour + HOUR > last or hour <= horizon:
                    continue
                expected = {}
                for series in SERIES:
                    values = [
                        item.value
                        for item in best.values()
                        if item.series == series and hour <= item.at < hour + HOUR and item.flag in USABLE
                    ]
                    if values:
                        expected[series] = (len(values), min(values), max(values), round(sum(values), 6))
                found = {
                    r.series: (r.count, r.minimum, r.maximum, round(r.count * r.mean, 6))
                    for r in reader.hour_rollups(hour)
                }
                assert found == expected


JournalModel.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(
        Phase.explicit,
        Phase.generate,
    ),  # a failure is short enough; shrinking would open thousands of files
)
TestJournalModel = JournalModel.TestCase
