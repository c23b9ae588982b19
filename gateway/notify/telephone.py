"""What every way to a telephone has in common: its limits, what became of an earlier try, and the wait for a receipt.

In this order: fit · asked what became of an uncertain try of the same message · within the limits · sent · receipt.
"""

from __future__ import annotations

import contextlib
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gateway.contracts import ChannelContext, Delivered
from gateway.credentials import Secret, read_secret
from gateway.errors import Broken, DeliveryError, Retry, SettingsError, Uncertain, Undeliverable
from gateway.model import Notice, Severity
from gateway.notify.limits import Budget, Limit, in_words
from gateway.notify.phones import masked

POLL_S = 5.0  # between two looks for a receipt; one rarely comes in less
MOST_REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class Trace:
    """One message that was handed over, and how to ask for it.

    Attributes:
        notice: The message.
        number: As the provider has it.
        at: When it was handed over.
        provider_id: Its number there; empty when the answer never came.
    """

    notice: Notice
    number: str
    at: datetime
    provider_id: str = ""


class Telephone(ABC):
    """A channel that ends at a telephone; the provider's own part is :meth:`_send` and :meth:`_receipt`.

    Args:
        context: See :class:`gateway.contracts.ChannelContext`.
        limits: For each number, for what can wait.
        urgent: For each number, for fire: what the provider itself allows.
        receipt_within: How long to wait for a receipt before the message counts as accepted; zero: not at all.
    """

    def __init__(
        self,
        context: ChannelContext,
        *,
        limits: Sequence[Limit],
        urgent: Sequence[Limit],
        receipt_within: timedelta = timedelta(0),
    ) -> None:
        self._context = context
        self._budget = Budget(limits, urgent)
        self.pacing = self._budget.pacing
        self._receipt_within = receipt_within
        self._unsure = _Unsure(context.state_dir / "uncertain.json")
        self._closed = threading.Event()

    def unfit_number(self, notice: Notice) -> str:
        """Why this is no telephone number for this channel, in words; empty when it is one."""
        try:
            self._number(notice)
        except ValueError as error:
            return str(error)
        return ""

    def unfit(self, notice: Notice) -> str:
        """Why this message cannot go this way, in words; empty when it can."""
        try:
            self._number(notice)
            self._check(notice)
        except ValueError as error:
            return str(error)
        return ""

    def deliver(self, notice: Notice) -> Delivered:
        """See :class:`gateway.contracts.Channel`."""
        problem = self.unfit(notice)
        if problem:
            raise Undeliverable(problem)
        number = self._number(notice)
        since = self._unsure.since(notice.id)
        if since is not None:
            found = self._receipt(Trace(notice, number, since))
            if found is not None:
                self._unsure.forget(notice.id)
                return _settled(found)
        clock = self._context.clock
        wait = self._budget.wait(number, clock.monotonic(), urgent=notice.severity >= Severity.ORANGE)
        if wait is not None:
            raise Retry(f"{masked(number)}: {wait}", wait.after)
        at = clock.now()
        try:
            sent = self._send(notice, number)
        except Uncertain:
            self._budget.note(number, clock.monotonic())
            self._unsure.add(notice.id, at)
            raise
        self._budget.note(number, clock.monotonic())
        self._unsure.forget(notice.id)
        return self._wait(Trace(notice, number, at, sent.provider_id), sent)

    def receipt(self, notice: Notice, at: datetime, provider_id: str) -> Delivered | DeliveryError | None:
        """See :class:`gateway.contracts.Receipted`."""
        try:
            number = self._number(notice)
        except ValueError:
            return None
        return self._receipt(Trace(notice, number, at, provider_id))

    def close(self) -> None:
        """Let go of a wait for a receipt."""
        self._closed.set()

    def _wait(self, trace: Trace, sent: Delivered) -> Delivered:
        left_s = self._receipt_within.total_seconds()
        while left_s > 0 and sent.state == "accepted" and not self._closed.wait(min(POLL_S, left_s)):
            left_s -= POLL_S
            try:
                found = self._receipt(trace)
            except DeliveryError:
                continue  # only the question failed; the message itself is out
            if found is not None:
                return _settled(found)
        return sent

    @abstractmethod
    def _number(self, notice: Notice) -> str:
        """The number as the far side wants it; raises ValueError."""

    @abstractmethod
    def _check(self, notice: Notice) -> None:
        """Raises ValueError when the text does not fit."""

    @abstractmethod
    def _send(self, notice: Notice, number: str) -> Delivered:
        """Hand it over; raises like :meth:`deliver`."""

    @abstractmethod
    def _receipt(self, trace: Trace) -> Delivered | DeliveryError | None:
        """What became of it: arrived, the error that it ended with, or ``None`` when that is not known (yet).

        Raises:
            DeliveryError: The question itself could not be asked.
        """


def _settled(outcome: Delivered | DeliveryError) -> Delivered:
    if isinstance(outcome, DeliveryError):
        raise outcome
    return outcome


class _Unsure:
    """Messages that were handed over without an answer: asked for before they are sent again, also after a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] | None = None

    def since(self, notice: str) -> datetime | None:
        at = self._all().get(notice)
        return datetime.fromisoformat(at) if at else None

    def add(self, notice: str, at: datetime) -> None:
        known = self._all()
        known.setdefault(notice, at.isoformat())
        while len(known) > MOST_REMEMBERED:
            del known[next(iter(known))]
        self._save()

    def forget(self, notice: str) -> None:
        if self._all().pop(notice, None) is not None:
            self._save()

    def _all(self) -> dict[str, str]:
        if self._known is None:
            try:
                read = json.loads(self._path.read_text(encoding="utf-8"))
                self._known = {str(key): datetime.fromisoformat(at).isoformat() for key, at in read.items()}
            except (OSError, ValueError, TypeError, AttributeError):
                self._known = {}  # absent, or cut short by a power cut: at worst one message comes twice
        return self._known

    def _save(self) -> None:
        fresh = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):  # a full disk must not stop a message
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps(self._known), encoding="utf-8")
            fresh.replace(self._path)


def secret_of(name: str, key: str) -> Secret:
    """A secret without which nothing can be sent, from its file.

    Raises:
        Broken: The file is not as it should be.
    """
    try:
        return read_secret(name, key)
    except SettingsError as error:
        raise Broken(str(error)) from error


def later(words: str, after: timedelta) -> Retry:
    """A receipt that says: not this time (busy, switched off)."""
    return Retry(f"{words}; again in {in_words(after)}", after)
