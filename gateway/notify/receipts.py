"""What became of messages that a channel has only promised to pass on, asked for later by our id.

A carrier knows after a minute or two, a call's record is there three to five minutes after its end: so each message is
asked about a few times, ever later, and then left as it is. ``delivered`` keeps the person's other ways back; a no lets
the next one go at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from gateway.clock import Clock
from gateway.contracts import Channel, Delivered, Receipted
from gateway.errors import DeliveryError, Unavailable, Undeliverable
from gateway.notify.outbox import Store
from gateway.store.moments import from_ms, to_ms
from gateway.store.outbox import Promised

ASKED_AFTER_S = (60.0, 300.0, 1200.0, 7200.0)  # from the moment when it was handed over
OLDEST_MS = 4 * 3_600_000
STEP_S = 30.0
PARTING_S = 2.5

_log = logging.getLogger(__name__)


class Receipts:
    """Asks, from a thread of its own.

    Args:
        store: The journal.
        clock: The house's.
        settled: Called when something was settled: the next way may be due.
    """

    def __init__(self, store: Store, clock: Clock, settled: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._settled = settled
        self._channels: dict[str, Receipted] = {}
        self._asked: dict[int, int] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.known = 0

    def apply(self, channels: Mapping[str, Channel]) -> None:
        """Ask exactly these, as far as they can be asked."""
        self._channels = {name: one for name, one in channels.items() if isinstance(one, Receipted)}
        if self._channels and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="receipts", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End; a question that is out may take a moment longer."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(PARTING_S)

    def step(self) -> None:
        """Ask about everything that is due. Raises Unavailable."""
        now = to_ms(self._clock.now())
        channels = dict(self._channels)
        rows = self._store.outbox(lambda table: table.promised(list(channels), now - OLDEST_MS))
        self._asked = {row.id: self._asked.get(row.id, 0) for row in rows}
        for row in rows:
            times = self._asked[row.id]
            if times < len(ASKED_AFTER_S) and now - row.called_at >= ASKED_AFTER_S[times] * 1000:
                self._asked[row.id] = times + 1
                self._ask(channels[row.channel], row)

    def _ask(self, channel: Receipted, row: Promised) -> None:
        now = to_ms(self._clock.now())
        try:
            found = channel.receipt(row.notice, from_ms(row.called_at), row.provider_id)
        except DeliveryError as error:
            _log.info("channel=%s no receipt yet why=%s", row.channel, error)
            return
        if isinstance(found, Delivered) and found.state == "delivered":
            words, provider_id = found.words, found.provider_id
            self._store.outbox(
                lambda table: table.receipt(row.id, "delivered", now, words=words, provider_id=provider_id)
            )
        elif isinstance(found, Undeliverable):
            words = str(found)
            self._store.outbox(lambda table: table.receipt(row.id, "failed", now, words=words))
        else:
            return
        self.known += 1
        self._asked.pop(row.id, None)
        self._settled()

    def _run(self) -> None:
        while not self._stopping.wait(STEP_S):
            try:
                self.step()
            except Unavailable as error:
                _log.warning("receipts not asked for why=%s", error)
            except Exception as error:  # noqa: BLE001 - the thread's edge: one odd answer ends no other question
                _log.error("receipts stumble", exc_info=error)
