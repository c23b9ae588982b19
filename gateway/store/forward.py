"""From the journal to one sink, however late. One thread per sink; nothing in the gateway ever waits for it.

::

    events ──► new readings ──► one request for a refused portion, else roll-ups or backlog at a bounded rate

A round makes at most one request for each of these, in this order, so what is new never waits longer than one request
of what is old. The bookmark follows about once a second: whatever it does not cover is sent again after a crash, and
sending again overwrites the same points.

What the far side says decides: stored → go on · Unavailable → keep, wait (1 s doubling to 60 s, full jitter, or what
it asked for) · Refused → find the guilty ones, park them with its words, go on · TooLarge → smaller portions ·
Misconfigured → keep everything, say it once, try again at least once a minute.

Larger than most modules: what to do after each answer, and when, is one decision and is read in one piece. What comes
next is ``feed.py``'s affair, which points are guilty ``trial.py``'s.

Source of the numbers: storage-and-dashboards 1.4; reliability-and-security P2 to P5.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from gateway.clock import Clock
from gateway.contracts import Entry, Sink
from gateway.errors import GatewayError, Misconfigured, Refused, TooLarge, Unavailable
from gateway.settings import Pace
from gateway.store.feed import Feed, Lane, Portion, Source
from gateway.store.trial import Trial

LOG = logging.getLogger(__name__)

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
FAILED_WAIT_S = 60.0  # after a fault of our own
HOUSE_S = 1.0  # how often bookmark and figures are brought up to date
IDLE_S = 0.5  # how often somebody who waits for news looks up
LONGEST_REST_S = 5.0  # the watchdog must see a waiting thread move
SLOW_REQUEST_S = 1.0  # backlog portions shrink until a request takes less, so that news wait less
SMALLEST_PORTION = 50
SAY_PARKED_S = 60.0  # a sensor that is refused every second fills no log
COUNT_PARKED_S = 30.0
SLOWEST_ANSWER_S = 180.0  # a check is five requests of at most 35 s each; who takes longer is stuck
MOST_TRIALS = 4  # portions under trial at once; meanwhile news wait in the journal
PROOF_S = 60.0  # how long it counts that the sink has taken a point of the gateway itself
PARTING_S = 4.0  # how long stop waits for the request in hand


@dataclass(frozen=True, slots=True)
class ForwardStatus:
    """How a sink is doing, for people and metrics.

    Attributes:
        name: Of the sink.
        state: ``starting``, ``up to date``, ``sending``, ``catching up``, ``unreachable``, ``misconfigured``,
            ``failed`` (a fault of this program) or ``stopped``.
        backlog: Readings not yet sent.
        oldest_unsent: Age of the oldest of them, by its arrival.
        last_success: Time since something was stored there.
        last_error: Its words, or ours; empty while all is well.
        parked: What it refused for good and the journal still keeps.
        sent: Entries stored since the start.
        lost: Readings that left the journal (quota, broken file) before they could be sent, since the start.
        rate: Entries per second, just now.
        beats: Grows as long as the thread moves, and while a request is lawfully slow: whatever the far side does is
            no reason for a watchdog to end the gateway, a thread that is stuck is.
    """

    name: str
    state: str = "starting"
    backlog: int = 0
    oldest_unsent: timedelta | None = None
    last_success: timedelta | None = None
    last_error: str = ""
    parked: int = 0
    sent: int = 0
    lost: int = 0
    rate: float = 0.0
    beats: int = 0


class Forwarder:
    """Feeds one sink.

    Args:
        name: Of the sink; its bookmark in the journal.
        sink: The far side; closed by :meth:`stop`.
        journal: Where everything is.
        clock: Ages, waits and rates.
        pace: Portions and rates; a sink's ``Settings`` is one.
        jitter: Random part of a wait, 0..1.
    """

    def __init__(
        self,
        name: str,
        sink: Sink,
        journal: Source,
        clock: Clock,
        *,
        pace: Pace | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._sink = sink
        self._journal = journal
        self._clock = clock
        self._jitter = jitter
        pace = pace or Pace()
        self._feed = Feed(name, journal, clock, pace)
        self._trials: deque[tuple[Portion, Trial]] = deque()
        self._status = ForwardStatus(name, parked=journal.parked_count(name))
        self._limit = self._largest = pace.batch
        self._failures = 0
        self._not_before = clock.monotonic()
        self._kept_at = clock.monotonic() - HOUSE_S
        self._stored_at: float | None = None
        self._proved_at: float | None = None
        self._asking_since: float | None = None
        self._sent_then = 0
        self._news = -1
        self._say_parked_at = self._count_parked_at = clock.monotonic()
        self._unsaid = 0
        self._guilty: deque[tuple[Entry, str]] = deque()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name=f"forward-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End within five seconds; what was not sent is sent after the next start. Before the journal is closed."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(PARTING_S / 2)
        self._sink.close()
        if self._thread is not None:
            self._thread.join(PARTING_S / 2)
        self._say(state="stopped")

    def status(self) -> ForwardStatus:
        """How it is doing now; from any thread."""
        now, stored_at, asking_since = self._clock.monotonic(), self._stored_at, self._asking_since
        status = self._status
        if stored_at is not None:
            status = replace(status, last_success=timedelta(seconds=now - stored_at))
        if asking_since is not None:
            waited = min(now - asking_since, SLOWEST_ANSWER_S)
            status = replace(status, beats=status.beats + int(waited))
        return status

    def step(self) -> float:
        """One round; returns how long there is nothing to do [s], 0 when there is more."""
        self._say(beats=self._status.beats + 1)
        wait = self._not_before - self._clock.monotonic()
        if wait <= 0:
            try:
                wait = self._round()
            except Unavailable as problem:
                wait = self._back_off("unreachable", problem, problem.retry_after)
            except Misconfigured as problem:
                wait = self._back_off("misconfigured", problem, None)
        self._keep_house()
        return wait

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                wait = self.step()
            except Exception as error:  # noqa: BLE001 - the thread's edge: a fault in one sink ends no other part
                wait = self._failed(error)
            if wait > 0:
                self._rest(wait)
        self._note()

    def _rest(self, wait: float) -> None:
        if self._clock.monotonic() < self._not_before:
            self._stopping.wait(min(wait, LONGEST_REST_S))
        else:
            self._news = self._journal.wait_for_news(self._news, min(wait, IDLE_S))

    def _round(self) -> float:
        self._park()
        moved = self._events()
        moved = (
            self._deliver(self._feed.news(self._limit) if len(self._trials) < MOST_TRIALS else None) or moved
        )
        if self._trials:
            self._try_again(*self._trials[0])
            moved = True
        else:
            moved = self._old() or moved
        if moved:
            return 0.0
        if self._feed.up_to_date and self._status.state != "up to date":
            self._failures = 0
            self._say(state="up to date", last_error="")
        return min(self._feed.gather_s(self._limit) or IDLE_S, self._feed.owed_s() or IDLE_S)

    def _events(self) -> bool:
        if any(portion.lane is Lane.EVENTS for portion, _ in self._trials):
            return False  # their place moves when the trial has ended
        return self._deliver(self._feed.events(self._limit))

    def _old(self) -> bool:
        began = self._clock.monotonic()
        moved = self._deliver(self._feed.old(self._limit))
        if moved and self._clock.monotonic() - began > SLOW_REQUEST_S:
            self._limit = max(min(SMALLEST_PORTION, self._limit), self._limit // 2)
        elif moved:
            self._limit = min(self._largest, self._limit + max(1, self._limit // 8))
        return moved

    def _deliver(self, portion: Portion | None) -> bool:
        """Send a portion, if there is one; a refused one is put under trial."""
        if portion is None:
            return False
        refused = self._send(portion.entries)
        if refused is None:
            self._feed.passed(portion)
            return True
        trial = Trial(portion.entries)
        self._trials.append((portion, trial))
        if portion.lane in {Lane.NEWS, Lane.BACKLOG}:
            self._feed.passed(portion)
        if refused.culprits is not None or len(portion.entries) > 1:
            self._answered(portion, trial, refused)
        return True

    def _send(self, entries: Sequence[Entry]) -> Refused | None:
        if entries:
            try:
                with self._asking():
                    self._sink.send(entries)
            except Refused as refused:
                return refused
            self._stored(len(entries))
        return None

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """A question to the far side, which may take its time."""
        began = self._asking_since = self._clock.monotonic()
        try:
            yield
        finally:
            waited = min(self._clock.monotonic() - began, SLOWEST_ANSWER_S)
            self._say(beats=self._status.beats + 1 + int(waited))
            self._asking_since = None

    def _try_again(self, portion: Portion, trial: Trial) -> None:
        refused = self._send(trial.next())
        if refused is None:
            trial.stored()
            self._end_if_done(portion, trial)
        else:
            self._answered(portion, trial, refused)

    def _answered(self, portion: Portion, trial: Trial, refused: Refused) -> None:
        part = trial.next()
        if refused.culprits is not None:
            guilty = trial.guilty(refused.culprits)
            self._stored(len(part) - len(guilty))
        elif isinstance(refused, TooLarge):
            self._largest = max(SMALLEST_PORTION, min(self._largest, len(part) // 2))
            self._limit = min(self._limit, self._largest)
            guilty = trial.too_large(str(refused))
        else:
            self._prove_others_pass(trial, refused)
            guilty = trial.refused(str(refused))
        self._guilty += guilty
        self._end_if_done(portion, trial)
        self._park()

    def _prove_others_pass(self, trial: Trial, refused: Refused) -> None:
        """Before the first single point is blamed: does this sink take any point at all?

        A proxy or a login page may answer 400 to everything; that is a person's work and no reason to park a backlog.
        """
        now = self._clock.monotonic()
        fresh = self._proved_at is not None and now - self._proved_at < PROOF_S
        if len(trial.next()) > 1 or trial.accepted or fresh:
            return
        with self._asking():
            outcome = self._sink.check()
        if ("write", "ok") not in outcome:
            trial.again()
            raise Misconfigured(f"it refuses every point: {refused}")
        self._proved_at = now

    def _end_if_done(self, portion: Portion, trial: Trial) -> None:
        if trial.done:
            self._trials.remove((portion, trial))
            if portion.lane in {Lane.EVENTS, Lane.ROLLUPS}:
                self._feed.passed(portion)

    def _park(self) -> None:
        """Put the guilty aside; until the journal has taken them the bookmark stays where it is."""
        while self._guilty:
            why = self._guilty[0][1]
            entries = [entry for entry, words in self._guilty if words == why]
            self._journal.park(self.name, entries, why)
            self._unsaid += len(entries)
            self._guilty = deque((entry, words) for entry, words in self._guilty if words != why)
            self._say(last_error=why, parked=self._journal.parked_count(self.name))
            now = self._clock.monotonic()
            if now >= self._say_parked_at:
                LOG.warning("sink=%s parked=%s why=%s", self.name, self._unsaid, why)
                self._say_parked_at, self._unsaid = now + SAY_PARKED_S, 0

    def _stored(self, count: int) -> None:
        if self._failures:
            self._failures = 0
            LOG.info("sink=%s is back", self.name)
        self._stored_at = self._clock.monotonic()
        state = "catching up" if self._feed.catching_up else "sending"
        error = self._status.last_error if self._trials else ""
        self._say(state=state, sent=self._status.sent + count, last_error=error)

    def _back_off(self, state: str, problem: GatewayError, asked: timedelta | None) -> float:
        if self._status.state != state:
            LOG.warning("sink=%s state=%s why=%s", self.name, state, problem)
        longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        wait = longest * self._jitter() if asked is None else asked.total_seconds() + self._jitter()
        wait = max(wait, FIRST_WAIT_S / 10)
        self._not_before = self._clock.monotonic() + wait
        self._say(state=state, last_error=str(problem))
        return wait

    def _failed(self, error: Exception) -> float:
        if self._status.state != "failed":
            LOG.error("sink=%s state=failed", self.name, exc_info=error)
        self._say(state="failed", last_error=f"{type(error).__name__}: {error}")
        self._not_before = self._clock.monotonic() + FAILED_WAIT_S
        return FAILED_WAIT_S

    def _keep_house(self) -> None:
        """Now and then: the bookmark, and the figures that cost a question to the journal."""
        now = self._clock.monotonic()
        passed = now - self._kept_at
        if passed < HOUSE_S:
            return
        self._kept_at = now
        self._note()
        backlog = self._feed.backlog() + sum(len(trial) for _, trial in self._trials)
        age = self._feed.oldest_age(self._tried()) if backlog else None
        if self._feed.lost > self._status.lost:
            LOG.warning("sink=%s lost=%s why=they left the journal unsent", self.name, self._feed.lost)
        rate = (self._status.sent - self._sent_then) / passed
        self._sent_then = self._status.sent
        self._say(backlog=backlog, oldest_unsent=age, lost=self._feed.lost, rate=rate)
        if now >= self._count_parked_at:  # somebody may have thrown them away by hand
            self._count_parked_at = now + COUNT_PARKED_S
            self._say(parked=self._journal.parked_count(self.name))

    def _tried(self) -> list[Portion]:
        return [portion for portion, _ in self._trials if portion.lane in {Lane.NEWS, Lane.BACKLOG}]

    def _note(self) -> None:
        if not self._guilty:
            self._feed.note(self._tried())

    def _say(self, **said: Any) -> None:
        self._status = replace(self._status, **said)
