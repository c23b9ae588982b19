from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import ManualClock, SystemClock
from gateway.contracts import Entry, Rollup
from gateway.errors import Misconfigured, Refused, StoreError, TooLarge, Unavailable
from gateway.model import Event, Reading
from gateway.settings import Pace
from gateway.store.feed import Lane
from gateway.store.forward import Forwarder
from gateway.store.trial import Trial
from tests.servers import eventually
from tests.stand_in import MemoryJournal

AT = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)


def readings(count: int, series: str = "bin-1/fill", start: int = 0) -> list[Reading]:
    return [Reading(series, float(n), AT + timedelta(seconds=n), AT) for n in range(start, start + count)]


class FarSide:
    """A server in memory: stores by identity, refuses what it is told to, fails as scripted."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, datetime], Entry] = {}
        self.requests: list[list[Entry]] = []
        self.script: list[StoreError] = []
        self.poison: Callable[[Entry], bool] = lambda _: False
        self.names_culprits = False
        self.partial = True
        self.most = 10**9
        self.write_step = "ok"
        self.checks = 0
        self.closed = threading.Event()
        self.hang = False

    def send(self, entries: Sequence[Entry]) -> None:
        self.requests.append(list(entries))
        if self.hang:
            self.closed.wait(30)
            raise Unavailable("closed")
        if self.script:
            raise self.script.pop(0)
        if len(entries) > self.most:
            raise TooLarge("request entity too large")
        bad = {index: "partial write: conflict" for index, entry in enumerate(entries) if self.poison(entry)}
        for index, entry in enumerate(entries):
            if index not in bad and (self.partial or not bad):
                self.stored[identity(entry)] = entry
        if bad:
            raise Refused("partial write: conflict", bad if self.names_culprits else None)

    def check(self) -> list[tuple[str, str]]:
        self.checks += 1
        return [("reach", "ok"), ("write", self.write_step)]

    def close(self) -> None:
        self.closed.set()


def identity(entry: Entry) -> tuple[str, datetime]:
    item = entry.item
    if isinstance(item, Reading):
        return item.series, item.at
    if isinstance(item, Event):
        return f"{item.source}!{item.kind}", item.at
    return f"{item.series}~{item.span}", item.start


class House:
    """A forwarder, both its ends, and its clock."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.clock = ManualClock(AT)
        self.journal = MemoryJournal()
        self.far = FarSide()
        self.pace = pace or Pace(batch=100)
        self.forwarder = self.built()

    def built(self) -> Forwarder:
        return Forwarder("far", self.far, self.journal, self.clock, pace=self.pace, jitter=lambda: 1.0)

    def pass_time(self, seconds: float) -> None:
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))

    def run(self, rounds: int = 1000) -> None:
        """Rounds until there is nothing to do, letting time pass as it asks for."""
        for _ in range(rounds):
            wait = self.forwarder.step()
            status = self.forwarder.status()
            if wait and status.state == "up to date":
                self.pass_time(1.0)
                self.forwarder.step()
                return
            self.pass_time(wait)
        pytest.fail(f"never at rest: {self.forwarder.status()}")

    def sent(self) -> list[int]:
        return [entry.seq for request in self.far.requests for entry in request]


def test_what_is_new_is_sent_in_one_request_at_once() -> None:
    house = House()
    house.journal.append(*readings(5))
    assert house.forwarder.step() == 0.0
    assert [[entry.seq for entry in request] for request in house.far.requests] == [[1, 2, 3, 4, 5]]
    house.run()
    status = house.forwarder.status()
    assert (status.state, status.backlog, status.sent, status.last_error) == ("up to date", 0, 5, "")
    assert status.last_success is not None


def test_the_newest_go_first_and_the_backlog_follows_in_order() -> None:
    house = House(Pace(batch=100))
    house.journal.append(*readings(1000))
    house.forwarder.step()
    assert house.sent()[:100] == list(range(901, 1001))
    house.journal.append(*readings(3, start=1000))
    house.run()
    assert house.sent().index(1001) < house.sent().index(400)
    assert sorted(house.sent()) == list(range(1, 1004))


def test_events_go_before_readings() -> None:
    house = House()
    house.journal.append(*readings(5), Event("bin-1", "emptied", AT, AT))
    house.forwarder.step()
    assert isinstance(house.far.requests[0][0].item, Event)
    house.run()
    assert len(house.far.stored) == 6


def test_an_unreachable_sink_keeps_everything_and_is_asked_ever_more_rarely() -> None:
    house = House()
    house.journal.append(*readings(5))
    house.far.script = [Unavailable("refused")] * 9
    waits = []
    for _ in range(9):
        waits.append(house.forwarder.step())
        house.pass_time(waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert house.forwarder.status().state == "unreachable"
    assert house.forwarder.status().last_error == "refused"
    assert house.forwarder.status().backlog == 5
    assert house.forwarder.status().oldest_unsent is not None
    house.run()
    assert len(house.far.stored) == 5


def test_a_waiting_sink_is_not_asked_before_its_time() -> None:
    house = House()
    house.journal.append(*readings(5))
    house.far.script = [Unavailable("busy", timedelta(seconds=120))]
    assert house.forwarder.step() == 121.0  # what it asked for, and the jitter on top
    house.pass_time(100)
    assert house.forwarder.step() == pytest.approx(21.0)
    assert len(house.far.requests) == 1
    assert house.forwarder.status().beats == 3  # two rounds, one request


def test_a_misconfigured_sink_keeps_everything_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.journal.append(*readings(5))
    house.far.script = [Misconfigured("HTTP 401: wrong password") for _ in range(5)]
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            house.pass_time(house.forwarder.step())
    assert caplog.text.count("wrong password") == 1
    assert house.forwarder.status().state == "misconfigured"
    house.run()
    assert len(house.far.stored) == 5
    assert house.journal.put_aside == []


@pytest.mark.parametrize("names_culprits", [True, False])
@pytest.mark.parametrize("partial", [True, False])
def test_one_poisoned_point_is_parked_alone_with_the_servers_words(
    *, names_culprits: bool, partial: bool
) -> None:
    house = House(Pace(batch=2000))
    house.far.names_culprits, house.far.partial = names_culprits, names_culprits or partial
    house.far.poison = lambda entry: entry.seq == 1234
    house.journal.append(*readings(2000))
    house.run()
    assert [(entry.seq, why) for _, entry, why in house.journal.put_aside] == [
        (1234, "partial write: conflict")
    ]
    assert len(house.far.stored) == 1999
    assert len(house.far.requests) <= 24  # 1 + two for each halving of 2,000
    assert house.forwarder.status().parked == 1


def test_one_quantity_of_the_wrong_type_costs_few_requests() -> None:
    house = House(Pace(batch=2000))
    house.far.poison = lambda entry: "fill" in getattr(entry.item, "series", "")
    mixed = [
        reading
        for n in range(500)
        for reading in (
            Reading("bin-1/fill", 1.0, AT + timedelta(seconds=n), AT),
            Reading("bin-1/distance", 1.0, AT + timedelta(seconds=n), AT),
            Reading("bin-1/tipped", 1.0, AT + timedelta(seconds=n), AT),
        )
    ]
    house.journal.append(*mixed)
    house.run()
    assert len(house.journal.put_aside) == 500
    assert len(house.far.stored) == 1000
    assert len(house.far.requests) < 120


def test_a_wholly_poisoned_backlog_does_not_take_minutes() -> None:
    house = House(Pace(batch=2000))
    house.far.partial = False
    house.far.poison = lambda entry: entry.seq <= 10_000
    house.journal.append(*readings(10_500))
    house.run()
    assert len(house.journal.put_aside) == 10_000
    assert len(house.far.stored) == 500
    assert len(house.far.requests) < 400
    assert 1 <= house.far.checks <= 3


def test_a_sensor_that_is_refused_every_second_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.far.names_culprits = True
    house.far.poison = lambda _: True
    with caplog.at_level(logging.WARNING):
        for n in range(100):
            house.journal.append(*readings(1, start=n))
            house.forwarder.step()
            house.pass_time(1.0)
    assert len(house.journal.put_aside) == 100
    assert caplog.text.count("parked=") == 2
    assert "parked=60" in caplog.text


def test_a_proxy_that_refuses_everything_costs_nothing() -> None:
    house = House()
    house.far.poison = lambda _: True
    house.far.write_step = "HTTP 400: please log in"
    house.journal.append(*readings(10))
    for _ in range(30):
        house.pass_time(house.forwarder.step())
    assert house.journal.put_aside == []
    assert house.forwarder.status().state == "misconfigured"
    assert "refuses every point" in house.forwarder.status().last_error
    house.far.poison = lambda _: False
    house.run()
    assert len(house.far.stored) == 10


def test_news_do_not_wait_for_a_trial() -> None:
    house = House(Pace(batch=1000))
    house.far.poison = lambda entry: entry.seq <= 1000 and entry.seq % 2 == 0
    house.journal.append(*readings(1000))
    for n in range(50):
        house.forwarder.step()
        house.journal.append(*readings(1, start=1000 + n))
        house.forwarder.step()
        assert 1001 + n in house.sent()
    house.run(5000)
    assert len(house.journal.put_aside) == 500


def test_what_is_too_large_is_halved_and_the_size_remembered() -> None:
    house = House(Pace(batch=1000))
    house.far.most = 300
    house.journal.append(*readings(5000))
    house.run()
    assert len(house.far.stored) == 5000
    assert sum(len(request) > 300 for request in house.far.requests) <= 4
    assert house.journal.put_aside == []


def test_a_single_entry_that_is_too_large_is_parked() -> None:
    house = House()
    house.far.most = 0
    house.journal.append(*readings(1))
    house.run()
    assert [why for _, _, why in house.journal.put_aside] == ["request entity too large"]


def test_after_a_restart_it_goes_on_where_it_was() -> None:
    house = House()
    house.journal.append(*readings(1000))
    for _ in range(5):
        house.forwarder.step()
        house.pass_time(1.0)
    sent = set(house.sent())
    house.forwarder = house.built()
    house.far.requests.clear()
    house.run()
    again = sent & set(house.sent())
    assert sent | set(house.sent()) == set(range(1, 1001))
    assert len(again) <= 200  # what was sent in the second before the bookmark


def test_a_portion_under_trial_at_a_crash_is_sent_again() -> None:
    house = House(Pace(batch=64))
    house.far.partial = False
    house.far.poison = lambda entry: entry.seq == 7
    house.journal.append(*readings(64))
    house.forwarder.step()
    house.pass_time(2.0)
    house.forwarder.step()  # the bookmark is written in the middle of the trial
    house.forwarder = house.built()
    house.run()
    assert len(house.far.stored) == 63
    assert [entry.seq for _, entry, _ in house.journal.put_aside] == [7]


def test_what_was_evicted_unsent_is_skipped_and_counted() -> None:
    house = House(Pace(batch=10))
    house.far.script = [Unavailable("down")] * 2
    house.journal.append(*readings(500))
    house.pass_time(house.forwarder.step())
    house.journal.evict(300)
    house.run()
    assert len(house.far.stored) == 200
    assert house.forwarder.status().lost == 300


def test_numbers_that_were_never_given_are_not_lost() -> None:
    house = House(Pace(batch=10))
    house.journal.append(*readings(50))
    house.journal.append(*readings(50, start=50), skip=1_000_000)
    house.run()
    assert len(house.far.stored) == 100
    assert house.forwarder.status().lost == 0


def test_a_journal_that_shows_nothing_for_a_moment_loses_nothing() -> None:
    house = House()
    house.journal.append(*readings(50))
    house.journal.blank = True
    for _ in range(5):
        house.pass_time(house.forwarder.step())
    assert house.far.requests == []
    house.journal.blank = False
    house.run()
    assert len(house.far.stored) == 50
    assert house.forwarder.status().lost == 0


def test_a_range_that_stays_unreadable_is_given_up_and_counted() -> None:
    house = House()
    house.journal.append(*readings(50))
    house.journal.blank = True
    for _ in range(30):
        house.pass_time(house.forwarder.step())
    house.journal.blank = False
    house.journal.append(*readings(5, start=50))
    house.run()
    assert house.forwarder.status().lost == 50
    assert len(house.far.stored) == 5


def test_a_journal_that_begins_anew_is_sent_from_its_beginning() -> None:
    house = House()
    house.journal.append(*readings(50))
    house.run()
    text = house.journal.bookmark("far")
    house.journal = MemoryJournal()
    house.journal.set_bookmark("far", text or "")
    house.journal.append(*readings(5, "bin-2/fill"))
    house.forwarder = house.built()
    house.run()
    assert sum(identity(entry)[0] == "bin-2/fill" for entry in house.far.stored.values()) == 5


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[]", '{"live":"x"}', '{"live":5,"events":0,"hours":0,"gaps":[1]}']
)
def test_a_bookmark_nobody_understands_sends_everything_again(text: str) -> None:
    house = House()
    house.journal.append(*readings(50))
    house.journal.set_bookmark("far", text)
    house.forwarder = house.built()
    house.run()
    assert len(house.far.stored) == 50


def test_the_backlog_keeps_to_its_rate_and_news_do_not() -> None:
    house = House(Pace(batch=100, backlog_rate=200.0))
    house.journal.append(*readings(2000))
    began = house.clock.monotonic()
    house.run()
    took = house.clock.monotonic() - began
    assert 1800 / 200 <= took <= 2000 / 200 + 3


def test_rollups_are_sent_once_each_time_they_stand_anew() -> None:
    house = House()
    hour = timedelta(hours=1)
    house.journal.roll(AT, *(Rollup(f"bin-{n}/fill", AT, hour, 6, 1.0, 0.0, 2.0) for n in range(150)))
    house.journal.roll(AT + hour)
    house.run()
    assert len(house.far.stored) == 150
    house.journal.roll(AT, Rollup("bin-1/fill", AT, hour, 7, 1.5, 0.0, 2.0))
    house.run()
    (again,) = house.far.requests[-1]
    assert isinstance(again.item, Rollup)
    assert again.item.count == 7


@pytest.mark.parametrize("lane", [Lane.EVENTS, Lane.ROLLUPS])
def test_a_refused_event_or_rollup_is_parked_and_the_next_goes_on(lane: Lane) -> None:
    house = House()
    house.far.poison = lambda entry: identity(entry)[0].startswith("bin-3")
    for n in range(6):
        at = AT + timedelta(hours=n)
        if lane is Lane.EVENTS:
            house.journal.append(Event(f"bin-{n}", "emptied", at, at))
        else:
            house.journal.roll(at, Rollup(f"bin-{n}/fill", at, timedelta(hours=1), 1, 1.0, 1.0, 1.0))
    house.run()
    assert len(house.journal.put_aside) == 1
    assert len(house.far.stored) == 5
    house.forwarder = house.built()
    house.far.requests.clear()
    house.run()
    assert house.far.requests == []


def test_gathering_waits_for_company_but_not_for_ever() -> None:
    house = House(Pace(batch=100, gather=timedelta(seconds=5)))
    house.run()
    house.journal.append(*readings(1))
    assert 0 < house.forwarder.step() <= 0.5
    house.pass_time(4.0)
    house.journal.append(*readings(1, start=1))
    house.forwarder.step()
    assert house.far.requests == []
    house.pass_time(1.0)
    house.forwarder.step()
    assert house.sent() == [1, 2]
    house.journal.append(*readings(100, start=2))
    house.forwarder.step()
    assert len(house.sent()) == 102  # a whole portion has company enough


def test_a_journal_that_cannot_park_is_asked_again_and_nothing_moves_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House()
    house.far.names_culprits = True
    house.far.poison = lambda entry: entry.seq == 3
    house.journal.append(*readings(5))

    def full(*_: object) -> None:
        raise Unavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(house.journal, "park", full)
        house.pass_time(house.forwarder.step())
        house.pass_time(house.forwarder.step())
        assert house.journal.bookmark("far") is None
    house.run()
    assert [entry.seq for _, entry, _ in house.journal.put_aside] == [3]
    assert house.journal.bookmark("far") is not None


def test_slow_requests_of_backlog_become_smaller() -> None:
    house = House(Pace(batch=2000, backlog_rate=1e9))
    send = house.far.send

    def slowly(entries: Sequence[Entry]) -> None:
        house.pass_time(len(entries) / 200)  # a narrow link: ten seconds for a whole portion
        send(entries)

    house.far.send = slowly  # type: ignore[method-assign]
    house.journal.append(*readings(20_000))
    house.run()
    late = house.far.requests[-10:]
    assert max(len(request) for request in late) <= 400
    assert len(house.far.stored) == 20_000


def test_the_thread_sends_notes_and_stops(caplog: pytest.LogCaptureFixture) -> None:
    journal, far = MemoryJournal(), FarSide()
    forwarder = Forwarder("far", far, journal, SystemClock())
    forwarder.start()
    journal.append(*readings(500))
    eventually(lambda: len(far.stored) == 500)
    forwarder.stop()
    assert far.closed.is_set()
    assert forwarder.status().state == "stopped"
    assert '"live":500' in (journal.bookmark("far") or "")
    assert not any(thread.name == "forward-far" for thread in threading.enumerate())


def test_a_hanging_sink_does_not_hold_up_the_stop() -> None:
    journal, far = MemoryJournal(), FarSide()
    far.hang = True
    forwarder = Forwarder("far", far, journal, SystemClock())
    journal.append(*readings(5))
    forwarder.start()
    eventually(lambda: bool(far.requests))
    began = SystemClock().monotonic()
    forwarder.stop()
    assert SystemClock().monotonic() - began < 5
    far.hang = False
    fresh = Forwarder("far", far, journal, SystemClock())
    fresh.step()
    assert len(far.stored) == 5


def test_a_slow_answer_is_a_move_and_an_endless_one_is_not() -> None:
    house = House()
    house.journal.append(*readings(5))
    beats = []

    def slowly(_: Sequence[Entry]) -> None:
        for _ in range(40):
            house.pass_time(10)
            beats.append(house.forwarder.status().beats)

    house.far.send = slowly  # type: ignore[method-assign]
    house.forwarder.step()
    assert beats[:18] == sorted(set(beats[:18]))
    assert len(set(beats[18:])) == 1
    assert house.forwarder.status().beats > beats[-1]


def test_a_fault_of_our_own_is_said_once_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    journal, far = MemoryJournal(), FarSide()
    far.poison = lambda _: 1 // 0 == 0
    forwarder = Forwarder("far", far, journal, SystemClock())
    journal.append(*readings(5))
    with caplog.at_level(logging.ERROR):
        forwarder.start()
        eventually(lambda: forwarder.status().state == "failed")
        assert "ZeroDivisionError" in forwarder.status().last_error
        forwarder.stop()
    assert caplog.text.count("state=failed") == 1


def test_a_trial_that_begins_anew_holds_everything_it_held() -> None:
    trial = Trial([Entry(n, reading) for n, reading in enumerate(readings(10))])
    trial.refused("no")
    trial.stored()
    trial.refused("no")
    trial.again()
    assert len(trial.next()) == len(trial) == 5


faults = st.lists(
    st.one_of(
        st.none(),
        st.just(Unavailable("down")),
        st.just(Misconfigured("401")),
        st.just(TooLarge("413")),
        st.builds(Unavailable, st.just("busy"), st.just(timedelta(seconds=3))),
    ),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(
    faults,
    st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=25),
    st.sets(st.integers(1, 300), max_size=30),
    st.booleans(),
    st.integers(1, 50),
)
def test_whatever_happens_every_reading_is_stored_or_parked_and_none_both(
    script: list[StoreError | None],
    steps: list[tuple[int, bool]],
    poison: set[int],
    partial: bool,
    batch: int,
) -> None:
    house = House(Pace(batch=batch))
    house.far.partial = partial
    house.far.poison = lambda entry: entry.seq in poison
    send, left = house.far.send, list(script)

    def faulty(entries: Sequence[Entry]) -> None:
        fault = left.pop(0) if left else None
        if fault is not None:
            raise fault
        send(entries)

    house.far.send = faulty  # type: ignore[method-assign]
    count = 0
    for more, crash in steps:
        house.journal.append(*readings(more, start=count))
        count += more
        house.pass_time(house.forwarder.step())
        if crash:
            house.forwarder = house.built()
    house.run(3000)
    parked = {entry.seq for _, entry, _ in house.journal.put_aside}
    stored = {entry.seq for entry in house.far.stored.values()}
    assert stored | parked == set(range(1, count + 1))
    assert {seq for seq in poison if seq <= count} <= parked
    assert not stored & poison
