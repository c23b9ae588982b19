"""The outbox at work: for each channel a thread that hands over what is due. Nothing in the house waits for it.

What a message becomes is written in the journal before the next one is taken (alerting reference 4.8): leased, called,
and what the channel said. A process that ends in between leaves a row that says how far it had come.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from gateway.clock import Clock
from gateway.contracts import Channel
from gateway.errors import Broken, DeliveryError, Retry, Unavailable, Uncertain
from gateway.model import Notice
from gateway.notify.codes import asks
from gateway.notify.lists import Compose, plain
from gateway.store import lite
from gateway.store.moments import to_ms
from gateway.store.outbox import ROUTES, Became, Leased, OutboxTable, Pacing
from gateway.words import Language, Words

BACKOFF_S = (5.0, 15.0, 45.0, 120.0, 300.0, 600.0)  # alerting reference 4.8
SPREAD = 0.2  # of a wait, either way (4.8)
OPENS_AFTER = 5  # failures in a row; then one probe each PROBE_S (4.8)
PROBE_S = 60.0
BROKEN_S = 600.0  # a channel that a person must mend is asked again so often
LATE_S = 120.0  # a message that goes out this much later than planned says so
IDLE_S = 30.0
NO_JOURNAL_S = 2.0
PARTING_S = 2.5
CLOCK_STEP_S = 60.0  # alerting reference 4.3: the clock is not trusted after a jump of more than this

_log = logging.getLogger(__name__)
T = TypeVar("T")
Pictures = Callable[[Leased], bytes | None]  # never raises: a message does not wait for its picture


class Store(Protocol):
    """What a lane asks of the journal."""

    def outbox(self, work: Callable[[OutboxTable], T]) -> T:
        """One transaction; raises Unavailable."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    became: Became
    words: str = ""
    provider_id: str = ""
    after: timedelta | None = None


class Steps:
    """Notices when the wall clock is stepped, so that what waits keeps its distance from now; shared by all lanes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._offset = to_ms(clock.now()) - clock.monotonic() * 1000
        self._trusted = clock.trusted()
        self._first: int | None = None  # the newest row when the gateway started
        self.newest = 0

    def look(self, store: Store) -> None:
        """Move what is queued along with the clock. Raises Unavailable.

        A clock that could not be believed (a box without a battery starts in the past) moves only what it queued.
        """
        with self._lock:
            if self._first is None:
                self._first = store.outbox(lambda table: table.newest())
            offset = to_ms(self._clock.now()) - self._clock.monotonic() * 1000
            by = round(offset - self._offset)
            if abs(by) > CLOCK_STEP_S * 1000:
                newest, after = self.newest, 0 if self._trusted else self._first
                store.outbox(lambda table: table.shift(by, newest, after))
                _log.warning("outbox clock stepped by_s=%d", by // 1000)
            self._offset, self._trusted = offset, self._clock.trusted()


class Lane:
    """One channel's thread.

    Args:
        name: Of the channel.
        channel: Asked from this thread only; closed by :meth:`stop`.
        store: Where the messages are.
        clock: The house's.
        steps: Shared by all lanes.
        words: The texts, in every language.
        compose: One message of several; see :func:`gateway.notify.lists.plain`.
        pictures: What can be shown with a message, if anything; asked when it goes out.
        jitter: Random number 0..1.
    """

    def __init__(
        self,
        name: str,
        channel: Channel,
        store: Store,
        clock: Clock,
        *,
        steps: Steps,
        words: Mapping[Language, Words],
        compose: Compose | None = None,
        pictures: Pictures | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._channel = channel
        self._store = store
        self._clock = clock
        self._steps = steps
        self._words = words
        self._compose = compose or plain(words)
        self._pacing: Pacing | None = getattr(channel, "pacing", None)
        self._pictures = pictures
        self._jitter = jitter
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._recovered = False
        self._fresh = self._doubtful = True
        self._unsettled: tuple[Leased, _Outcome] | None = None
        self._failures = 0
        self._closed_until = clock.monotonic()
        self._broken_until: float | None = None
        self._sent = self._refused = self._expired = 0
        self._last_error = ""

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name=f"tell-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what is in its hand is settled if the channel answers in time, else found again at the next start."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(PARTING_S)
        self._channel.close()
        if self._thread is not None:
            self._thread.join(PARTING_S)

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    @property
    def channel(self) -> Channel:
        """What it hands messages to; whoever else asks it must know that it is at work."""
        return self._channel

    @property
    def broken(self) -> bool:
        """A person must mend it."""
        return self._broken_until is not None and self._clock.monotonic() < self._broken_until

    def status(self) -> dict[str, Any]:
        """How it is doing, plain data."""
        state = "broken" if self.broken else "failing" if self._failures >= OPENS_AFTER else "open"
        return {
            "state": state,
            "sent": self._sent,
            "refused": self._refused,
            "failures": self._failures,
            "expired": self._expired,
            "last_error": self._last_error,
        }

    def step(self) -> float:
        """Hand over one message if one is due; returns how long there is nothing to do [s]."""
        now = to_ms(self._clock.now())
        try:
            self._steps.look(self._store)
            if not self._recovered:
                self._store.outbox(lambda table: table.recover(self.name, now, at_start=True))
                self._recovered = True
            self._settle()
            wait = self._closed_until - self._clock.monotonic()
            if wait > 0:
                return min(wait, IDLE_S)
            probe, self._fresh = self._fresh or self._failures >= OPENS_AFTER, False
            turn = self._store.outbox(lambda table: table.lease(self.name, now, self._pacing, probe=probe))
            self._expired += turn.expired
            self._steps.newest = max(self._steps.newest, turn.newest)
            if turn.leased is None:
                due = IDLE_S if turn.next_at is None else (turn.next_at - now) / 1000
                return min(IDLE_S, max(due, 0.05))
            self._hand_over(turn.leased)
        except Unavailable as error:
            self._last_error = str(error)
            return NO_JOURNAL_S
        return 0.0

    def _hand_over(self, one: Leased) -> None:
        lite.kill_point("outbox_leased")
        called = to_ms(self._clock.now())
        self._store.outbox(lambda table: table.call(one.id, called))
        lite.kill_point("outbox_called")
        outcome = self._outcome(one)
        lite.kill_point("outbox_handed_over")
        self._unsettled = one, outcome
        self._note(outcome)
        self._settle()

    def _settle(self) -> None:
        """Write down what became of the last message; tried again until the journal takes it."""
        if self._unsettled is None:
            return
        one, outcome = self._unsettled
        now = to_ms(self._clock.now())
        next_at = now + round(self._wait_s(one, outcome) * 1000)
        self._store.outbox(
            lambda table: table.settle(
                one.id,
                outcome.became,
                now,
                next_at=next_at,
                words=outcome.words,
                provider_id=outcome.provider_id,
            )
        )
        if self._doubtful and outcome.became in {"accepted", "delivered"}:
            self._store.outbox(lambda table: table.hurry(self.name, now))
            self._doubtful = False
        self._unsettled = None
        lite.kill_point("outbox_settled")

    def _outcome(self, one: Leased) -> _Outcome:
        notice = self._notice(one)
        try:
            done = self._channel.deliver(notice)
        except Uncertain as error:
            return _Outcome("uncertain", str(error), after=error.after)
        except Retry as error:
            return _Outcome("retry", str(error), after=error.after)
        except Broken as error:
            return _Outcome("broken", str(error))
        except DeliveryError as error:
            return _Outcome("failed", str(error))
        except Exception as error:  # noqa: BLE001 - the thread's edge: a fault in one channel ends no other
            _log.error("channel=%s met an unexpected error", self.name, exc_info=error)
            return _Outcome("uncertain", f"{type(error).__name__}: {error}")
        return _Outcome(done.state, done.words, done.provider_id)

    def _notice(self, one: Leased) -> Notice:
        say = self._words["en" if one.language == "en" else "zh"]
        if one.others or one.pile in ROUTES:
            subject, text = self._compose(one)
        else:
            subject = one.subject
            text = "\n".join(part for part in (one.text, asks(one.kind, one.variables, say)) if part)
        late_s = (to_ms(self._clock.now()) - one.not_before) / 1000
        if late_s >= LATE_S:
            text = f"{text}\n{say('tell.late', minutes=round(late_s / 60))}"
        return Notice(
            id=f"{one.created_at:x}-{one.id}",
            to=one.address,
            subject=subject,
            text=text,
            severity=max(one.severity, *(other.severity for other in one.others))
            if one.others
            else one.severity,
            template="several" if one.others else one.template,
            variables={**one.variables, "title": subject, "number": str(1 + len(one.others))}
            if one.others
            else one.variables,
            picture=self._pictures(one) if self._pictures is not None else None,
        )

    def _wait_s(self, one: Leased, outcome: _Outcome) -> float:
        if outcome.became == "broken":
            return BROKEN_S
        planned = BACKOFF_S[min(one.attempts, len(BACKOFF_S)) - 1]
        asked = outcome.after.total_seconds() if outcome.after is not None else 0.0
        return max(asked, planned * (1 + SPREAD * (2 * self._jitter() - 1)))

    def _note(self, outcome: _Outcome) -> None:
        now = self._clock.monotonic()
        self._broken_until = now + BROKEN_S if outcome.became == "broken" else None
        if outcome.became in {"retry", "uncertain"}:
            self._failures += 1
            self._last_error = outcome.words
            if self._failures >= OPENS_AFTER:
                self._doubtful = True
                if self._failures == OPENS_AFTER:
                    _log.warning("channel=%s fails why=%s", self.name, outcome.words)
                self._closed_until = now + PROBE_S
            return
        self._failures = 0
        if outcome.became in {"failed", "broken"}:
            self._refused += 1
            self._last_error = outcome.words
            _log.warning("channel=%s %s why=%s", self.name, outcome.became, outcome.words)
        else:
            self._sent += 1
            self._last_error = ""

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                wait = self.step()
            except Exception as error:  # noqa: BLE001 - the thread's edge: a fault in one channel ends no other
                _log.error("channel=%s stumbles", self.name, exc_info=error)
                self._last_error, wait = f"{type(error).__name__}: {error}", PROBE_S
            if wait > 0 and not self._stopping:
                self._wake.wait(wait)


class Outbox:
    """All channels of the house.

    Args:
        store: The journal.
        clock: The house's.
        words: The texts, in every language.
        compose: See :class:`Lane`.
        pictures: See :class:`Lane`.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        words: Mapping[Language, Words],
        compose: Compose | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        self._compose = compose
        self._pictures = pictures
        self._store = store
        self._clock = clock
        self._words = words
        self._steps = Steps(clock)
        self._lanes: dict[str, tuple[object, Lane]] = {}

    def apply(self, channels: Mapping[str, tuple[object, Callable[[], Channel]]]) -> dict[str, list[str]]:
        """Let exactly these channels work; one whose settings have not changed goes on.

        Args:
            channels: Name -> settings to compare, and how the channel is built.
        """
        outcome: dict[str, list[str]] = {"kept": [], "started": [], "stopped": [], "replaced": []}
        for name in [name for name in self._lanes if name not in channels]:
            self._lanes.pop(name)[1].stop()
            outcome["stopped"].append(name)
        now = to_ms(self._clock.now())
        self._store.outbox(lambda table: table.strand(channels, now))
        for name, (settings, build) in channels.items():
            running = self._lanes.get(name)
            if running is not None and running[0] == settings:
                outcome["kept"].append(name)
                continue
            if running is not None:
                running[1].stop()
            lane = Lane(
                name,
                build(),
                self._store,
                self._clock,
                steps=self._steps,
                words=self._words,
                compose=self._compose,
                pictures=self._pictures,
            )
            lane.start()
            self._lanes[name] = (settings, lane)
            outcome["replaced" if running is not None else "started"].append(name)
        self.wake()
        return outcome

    def wake(self) -> None:
        """Something may have been queued or taken back; those who look wait for what was appended before."""
        for _, lane in self._lanes.values():
            lane.wake()

    @property
    def broken(self) -> frozenset[str]:
        """Channels that somebody must mend."""
        return frozenset(name for name, (_, lane) in self._lanes.items() if lane.broken)

    def status(self) -> dict[str, dict[str, Any]]:
        """Every channel, plain data."""
        return {name: lane.status() for name, (_, lane) in self._lanes.items()}

    def lanes(self) -> list[Lane]:
        """For whoever stops them together."""
        return [lane for _, lane in self._lanes.values()]
