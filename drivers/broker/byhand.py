"""A person listens: ``village read`` and ``village discover`` on an open connection.

Nothing is written down, so everything is acknowledged at once; the connection leaves no session behind.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from drivers.broker.mailbox import Mailbox
from drivers.decode.intake import Intake, Word
from drivers.decode.messages import Heard, Message
from drivers.decode.strangers import admission, fitting
from gateway.contracts import Context, Device, Exchange, Found
from gateway.errors import BadReply
from gateway.model import Event, Reading
from gateway.mqtt import Connection, Incoming
from gateway.schema import in_words

MOST_STRANGERS = 500


@dataclass
class _Stranger:
    count: int
    incoming: Incoming
    heard: Heard


class ByHand:
    """What a person can do with a connection."""

    def __init__(self, mailbox: Mailbox, connection: Connection, context: Context) -> None:
        self._mailbox = mailbox
        self.connection = connection
        self._context = context

    async def read(self, device: Device, intake: Intake, patience: timedelta) -> Exchange:
        """The next message of one device.

        Raises:
            BadReply: It did not come in time; in words.
            Lost: The broker has gone.
        """
        others: set[str] = set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience.total_seconds()):
                async for incoming, words in self._listen(intake):
                    for word in words:
                        if word.device != device.slug:
                            others.add(shown(word.heard.address))
                        elif not incoming.retained or word.heard.state:
                            return _exchange(incoming, word)
        heard = f"heard others: {', '.join(sorted(others)[:8])}" if others else "heard nobody else either"
        problem = self._context.health.last_error
        raise BadReply(
            f"nothing came from {device.slug} within {in_words(patience)}; {heard}"
            + (f"; last refused message: {problem}" if problem else "")
        )

    async def discover(self, intake: Intake, seconds: float) -> list[Found]:
        """Strangers with the models that fit them, by address."""
        strangers: dict[str, _Stranger] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for incoming, words in self._listen(intake):
                    for word in words:
                        if word.device is None:
                            _note(strangers, incoming, word.heard)
        return [self._found(stranger) for _, stranger in sorted(strangers.items())]

    def _found(self, stranger: _Stranger) -> Found:
        context, heard = self._context, stranger.heard
        models = fitting(
            heard, context.catalogue, context.quantities, context.clock.now(), context.catalogue_dirs
        )
        said = f", calls itself {shown(heard.models[0])}" if heard.models else ""
        times = "once" if stranger.count == 1 else f"{stranger.count} times"
        address = shown(heard.address)
        seen = f"heard {times} on {shown(stranger.incoming.topic)}{said}"
        source = context.name.removesuffix("-by-hand")
        return Found(address, seen, tuple(models), admission(source, address, models))

    async def _listen(self, intake: Intake) -> AsyncIterator[tuple[Incoming, list[Word]]]:
        while True:
            incoming, received = await self._mailbox.get()
            if incoming.qos:
                self.connection.ack(incoming.mid)
            try:
                words = intake.sort(Message(incoming.topic, incoming.payload, incoming.retained), received)
            except BadReply as error:
                self._context.health.bad(f"{shown(incoming.topic)}: {error}")
                continue
            self.connection.subscribe(intake.more())
            yield incoming, words


def shown(text: str, most: int = 80) -> str:
    """A stranger's text as it may stand in a log or status."""
    return text[:most] if text.isprintable() else ascii(text[:most])[1:-1]


def _note(strangers: dict[str, _Stranger], incoming: Incoming, heard: Heard) -> None:
    """Keep, of all messages of a stranger, one that tells something of him."""
    known = strangers.get(heard.address)
    if known is None:
        if len(strangers) < MOST_STRANGERS:
            strangers[heard.address] = _Stranger(1, incoming, heard)
        return
    known.count += 1
    if heard.samples or (heard.uplink is not None and heard.uplink.payload):
        known.incoming, known.heard = incoming, heard


def _exchange(incoming: Incoming, word: Word) -> Exchange:
    payload = incoming.payload.decode("utf-8", "backslashreplace")
    raw = [f"topic {shown(incoming.topic)}", f"payload {shown(payload, 2000)}"]
    uplink = word.heard.uplink
    if uplink is not None:
        raw.append(f"bytes {uplink.payload.hex()} port {uplink.port}")
    readings = tuple(item for item in word.observations if isinstance(item, Reading))
    said = [text for sample in word.samples for text in sample.diagnostics]
    said += [text for text in (word.problem, word.heard.note) if text]
    said += [f"event {item.kind}" for item in word.observations if isinstance(item, Event)]
    return Exchange(tuple(raw), readings, tuple(said))
