"""The journal's one thread: gathers deliveries into groups, has them committed, settles receipts, tidies in between.

A group is committed when so many deliveries have gathered or so much time has passed since the first, at once when an
Event or a mere receipt waits, and takes everything along that has queued up meanwhile. Brokers hand out only so many
unacknowledged messages (mosquitto 20): a commit that waits too long is what limits them
(reliability-and-security, section 0.3).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from gateway.errors import Unavailable
from gateway.model import Delivery, Event
from gateway.settings import StoreSettings
from gateway.store import lite
from gateway.store.intake import Group
from gateway.store.keeper import Keeper

log = logging.getLogger(__name__)
T = TypeVar("T")

MOST_WAITING = 1000  # deliveries; then whoever brings more waits
_MOST_AT_ONCE = 4000  # observations in a group
_IDLE_S = 1.0  # so often it is looked whether something is due when nothing comes in
_RETRY_S = 1.0  # wait after a write for which no way was found
_LAST_TRIES = 3  # at a stop, for a disk that takes nothing
_JOB_S = 30.0  # a job that has not been done after so long is given up by whoever asked for it


class Writer:
    """The thread and its queue.

    Args:
        keeper: The files; from ``start`` on they belong to the thread.
        settings: How groups are made.
    """

    def __init__(self, keeper: Keeper, settings: StoreSettings) -> None:
        self._keeper = keeper
        self._group = 1 if settings.commit == "each" else settings.group_deliveries
        self._each = settings.commit == "each"
        self._wait_s = settings.group_time.total_seconds()
        self._lock = threading.Condition()
        self._queue: deque[Delivery] = deque()
        self._jobs: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._doing: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._room: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._urgent = False
        self._stopping = False
        self._ended = False
        self._news = threading.Condition()
        self._told = 0
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self.stuck = ""

    def start(self) -> None:
        """Let the thread run."""
        self._thread.start()

    def stop(self) -> None:
        """Write down what waits, close the files, end the thread."""
        with self._lock:
            self._stopping = True
            self._lock.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread.is_alive()

    async def put(self, delivery: Delivery) -> None:
        """Hand over; waits only while the queue is full.

        Raises:
            Unavailable: The thread has ended.
        """
        while not self._offer(delivery):
            loop = asyncio.get_running_loop()
            room: asyncio.Future[None] = loop.create_future()
            with self._lock:
                if len(self._queue) < MOST_WAITING or self._ended:
                    continue
                self._room.append((loop, room))
            await room

    def ask(self, work: Callable[[], T], timeout: float = _JOB_S) -> T:
        """Have something done in the thread, after everything handed over before, and wait for it.

        Raises:
            Unavailable: It could not be done, or not in time.
        """
        answer: Future[T] = Future()
        with self._lock:
            if self._ended or self._stopping:
                raise Unavailable("the journal is closed")
            self._jobs.append((work, answer))
            self._lock.notify()
        try:
            return answer.result(timeout)
        except TimeoutError:
            raise Unavailable(f"the journal did not get to it in {timeout:g} s; {self.stuck}") from None

    def tell(self) -> None:
        """There is something new for whoever waits in :meth:`wait_for_news`."""
        with self._news:
            self._told += 1
            self._news.notify_all()

    def wait_for_news(self, seen: int, timeout: float) -> int:
        """Wait until the count of news is another than the one last seen; returns it either way."""
        with self._news:
            self._news.wait_for(lambda: self._told != seen, timeout)
            return self._told

    def _offer(self, delivery: Delivery) -> bool:
        urgent = not delivery.observations or any(isinstance(item, Event) for item in delivery.observations)
        with self._lock:
            if self._ended or self._stopping:
                raise Unavailable("the journal is closed")
            if len(self._queue) >= MOST_WAITING:
                return False
            self._queue.append(delivery)
            self._urgent = self._urgent or urgent
            waiting = len(self._queue)
            if waiting in {1, self._group} or urgent:
                self._lock.notify()
        return True

    def _run(self) -> None:
        more = in_order = False
        try:
            while not in_order:
                batch, stopping = self._gather(0.0 if more else _IDLE_S)
                self._write(batch)
                while self._doing:
                    _do(*self._doing.pop(0))
                in_order = stopping and not self._queue
                more = not in_order and self._tidy()
        finally:
            self._end(in_order=in_order)

    def _gather(self, idle_s: float) -> tuple[list[Delivery], bool]:
        """The next group, and whether this is the end; jobs that come after it go into ``_doing``."""
        with self._lock:
            if not (self._queue or self._jobs or self._stopping):
                self._lock.wait(idle_s)
            if self._queue:
                self._lock.wait_for(self._is_due, self._wait_s)
            batch = self._take()
            if not self._queue:  # a job comes after everything handed over before it
                self._doing, self._jobs = self._jobs, []
                self._urgent = False
            self._wake()
            return batch, self._stopping

    def _take(self) -> list[Delivery]:
        """The next group: everything that waits, up to what is written by one statement."""
        batch: list[Delivery] = []
        size = 0
        while self._queue and size < _MOST_AT_ONCE:
            batch.append(self._queue.popleft())
            size += len(batch[-1].observations)
        return batch

    def _is_due(self) -> bool:
        return len(self._queue) >= self._group or self._urgent or self._stopping or bool(self._jobs)

    def _wake(self) -> None:
        """Let those go on who wait for room; called with the lock held."""
        waiting, self._room = self._room, []
        for loop, room in waiting:
            with suppress(RuntimeError):  # that loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(_set, room)

    def _write(self, batch: list[Delivery]) -> None:
        if not batch:
            return
        for part in [[delivery] for delivery in batch] if self._each else [batch]:
            if not self._commit(self._keeper.accept(part)):
                self._keeper.counters.unkept += len(part)
                continue
            lite.kill_point("before_settle")
            for delivery in part:
                if delivery.receipt is not None:
                    delivery.receipt.settle()
            lite.kill_point("after_settle")
        self.tell()

    def _commit(self, group: Group) -> bool:
        """Until it is on the disk; gives up only at a stop, after some tries."""
        tries = 0
        while True:
            try:
                self._keeper.commit(group)
            except Unavailable as error:
                if self.stuck != str(error):
                    log.error("journal stuck reason=%s", error)
                    self.stuck = str(error)
            else:
                if self.stuck:
                    log.info("journal writes again")
                self.stuck = ""
                return True
            with self._lock:
                if self._stopping:
                    tries += 1
                    if tries >= _LAST_TRIES:
                        return False
                self._lock.wait(_RETRY_S)

    def _tidy(self) -> bool:
        before = self._keeper.head
        try:
            more = self._keeper.tidy()
        except (Unavailable, sqlite3.Error, OSError) as error:
            if self.stuck != str(error):
                log.error("journal cannot tidy reason=%s", error)
                self.stuck = str(error)
            return False
        self.stuck = ""
        if self._keeper.head != before or more:
            self.tell()
        return more

    def _end(self, *, in_order: bool) -> None:
        """Nothing more is taken; after an error nobody foresaw nothing more is written either."""
        with self._lock:
            self._ended = True
            jobs = self._doing + self._jobs
            self._doing, self._jobs = [], []
            self._wake()
        for _, answer in jobs:
            answer.set_exception(Unavailable("the journal is closed"))
        self._keeper.close(in_order=in_order)
        self.tell()


def _set(room: asyncio.Future[None]) -> None:
    if not room.done():
        room.set_result(None)


def _do(work: Callable[[], T], answer: Future[T]) -> None:
    try:
        answer.set_result(work())
    except (Unavailable, sqlite3.Error, OSError) as error:
        answer.set_exception(error if isinstance(error, Unavailable) else Unavailable(str(error)))
    except BaseException:  # nobody foresaw it: the thread ends, and whoever asked must not wait for ever
        answer.set_exception(Unavailable("the journal has ended"))
        raise
