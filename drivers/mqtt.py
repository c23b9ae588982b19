"""Everything that comes over MQTT: LoRaWAN network servers, Zigbee2MQTT, Tasmota, Home Assistant, plain senders.

- reads: QoS 0 and 1; a QoS 1 message is acknowledged when the journal has committed it, never before
- reconnects: never by itself; it raises Lost, is opened afresh by the supervisor with back-off and jitter, takes up its
  old session (same client id) and gets again what it had not acknowledged; a repetition is acknowledged, not counted
- times out: connect 5 s, subscriptions 15 s, a dead connection within twice ``keepalive``
- tested on the wire: mosquitto 2.0 (MQTT 5 and 3.1.1, TLS with client certificate)
- seen on real hardware: not yet

Who sent a message is said by its topic, which the broker's access list guards (or by the DevEUI that a network server
names); strangers are counted, never read.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from pydantic import Field, field_validator

from drivers.broker.byhand import ByHand, shown
from drivers.broker.mailbox import Mailbox
from drivers.broker.memory import delivery_key, memory_in
from drivers.broker.notebook import Notebook
from drivers.broker.receipts import Receipts
from drivers.decode.intake import EXPLAIN_THEMSELVES, SHELF, Intake, Word, listening
from drivers.decode.messages import Message
from gateway import plugins
from gateway.broker import BrokerSettings
from gateway.contracts import LONGEST_RAW, Context, Device, Exchange, Found
from gateway.errors import BadReply, Lost, SettingsError
from gateway.model import Delivery
from gateway.mqtt import LARGEST_PAYLOAD_BYTES, Connection, Incoming
from gateway.schema import Duration, duration

OPEN_TIMEOUT_S = 15.0
CLOSE_TIMEOUT_S = 2.0
IN_A_ROW = 64  # then other tasks get their turn

_log = logging.getLogger(__name__)


class Settings(BrokerSettings):
    """One broker and what is heard there.

    Example::

        sources:
          broker:
            driver: mqtt
            host: 127.0.0.1
            username: gateway
            password_file: mqtt_password
            listen:
              - chirpstack
              - zigbee2mqtt
              - plain: {topic: "village/{device}/data", time: ts, time_format: ms, values: {fill: fill, temp: air_temp}}

    The other keys are those of :class:`gateway.broker.BrokerSettings`.

    Attributes:
        listen: Message types: a name, or a name with its settings. Each is a file in ``drivers/decode/messages/``; a
            message goes to the first that knows it.
        link: Which figures of the radio link become readings: rssi, snr, f_cnt, link_margin.
        read_patience: How long ``village read`` waits for the device's next message.
    """

    listen: list[str | dict[str, Any]] = Field(min_length=1, max_length=32)
    link: tuple[str, ...] = ("rssi", "snr")
    read_patience: Duration = Field(default=duration("90s"))

    @field_validator("listen")
    @classmethod
    def _known(cls, listen: list[str | dict[str, Any]]) -> list[str | dict[str, Any]]:
        for name, options in listening(listen):
            try:
                module = plugins.load(SHELF, name)
            except SettingsError as error:
                raise ValueError(str(error)) from error
            try:
                module.Settings.model_validate(options)
            except ValueError as error:
                raise ValueError(f"{name}: {_first(error)}") from error
        return listen


def _first(error: ValueError) -> str:
    """What is wrong first, in words, out of pydantic's list."""
    details = getattr(error, "errors", None)
    if details is None:
        return str(error)
    first = details()[0]
    place = ".".join(str(part) for part in first["loc"])
    said = str(first["msg"]).removeprefix("Value error, ")
    return f"{place}: {said}" if place else said


class Driver:
    """One broker."""

    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._health = context.health
        self._intake = self._new_intake(listening(settings.listen))
        self._notebook = None if context.by_hand else Notebook(context.state_dir)
        if self._notebook is not None:
            self._intake.learn(self._notebook.lessons)
        self._slow = any(device.model is not None and device.model.codec for device in context.devices)
        self._memory = memory_in(context.health.memory)
        self._connection: Connection | None = None
        self._mailbox: Mailbox | None = None
        self._receipts: Receipts | None = None
        self._complaints: set[str] = set()

    async def __aenter__(self) -> Self:
        """Connect and subscribe; Lost when the broker is absent or says no."""
        loop = asyncio.get_running_loop()
        mailbox = self._mailbox = Mailbox(loop, self._context)
        filters = self._intake.filters()
        subscribed = self._notebook.filters if self._notebook else []
        connection = self._connection = Connection(
            self._settings,
            self._client_id(),
            filters=filters,
            forget=[name for name in subscribed if name not in filters],
            session=not self._context.by_hand,
            on_open=mailbox.opened,
            on_message=mailbox.put,
            on_lost=mailbox.lost,
            full=mailbox.full,
        )
        mailbox.connection = connection
        self._receipts = Receipts(loop, connection)
        connection.start()
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                refused = await mailbox.ready()
        except TimeoutError as error:
            await self._close()
            raise Lost(f"the broker did not answer within {OPEN_TIMEOUT_S:g} s") from error
        except BaseException:
            await self._close()
            raise
        self._note_down()
        self._health.notes.pop("subscriptions", None)
        if refused:
            self._health.notes["subscriptions"] = f"refused by the broker: {', '.join(refused)[:200]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait a moment for what is being written down, acknowledge it, say goodbye."""
        if self._receipts is not None and self._mailbox is not None and not self._mailbox.is_lost:
            await self._receipts.settled(CLOSE_TIMEOUT_S)
        await self._close()

    async def observations(self) -> AsyncIterator[Delivery]:
        """Every message of a configured device, and every receipt."""
        assert self._mailbox is not None, "opened with async with"
        row = 0
        while True:
            incoming, received = await self._mailbox.get()
            if self._slow:  # a vendor's script may think for a second: nobody else shall wait for it
                delivery = await asyncio.to_thread(self._delivery, incoming, received)
            else:
                delivery = self._delivery(incoming, received)
            if delivery is not None:
                yield delivery
            row += 1
            if row % IN_A_ROW == 0:
                await asyncio.sleep(0)

    async def read(self, device: Device) -> Exchange:
        """Wait for the next message of one device and show it raw and decoded.

        Raises:
            BadReply: It did not come in time; in words.
            Lost: The broker has gone.
        """
        return await self._by_hand().read(device, self._intake, self._settings.read_patience)

    async def discover(self, seconds: float) -> list[Found]:
        """Listen to every known message type for so long; strangers with the models that fit them."""
        intake = self._new_intake(listening([*self._settings.listen, *EXPLAIN_THEMSELVES]))
        by_hand = self._by_hand()
        by_hand.connection.subscribe(
            [name for name in intake.filters() if name not in self._intake.filters()]
        )
        return await by_hand.discover(intake, seconds)

    def _by_hand(self) -> ByHand:
        assert self._mailbox is not None, "opened with async with"
        assert self._connection is not None
        return ByHand(self._mailbox, self._connection, self._context)

    def _new_intake(self, listen: Sequence[tuple[str, Mapping[str, Any]]]) -> Intake:
        context = self._context
        return Intake(
            listen,
            context.devices,
            quantities=context.quantities,
            zone=context.zone,
            catalogue_dirs=context.catalogue_dirs,
            link=self._settings.link,
        )

    def _delivery(self, incoming: Incoming, received: datetime) -> Delivery | None:
        assert self._receipts is not None
        receipt = self._receipts.issue(incoming.mid) if incoming.qos else None
        observations = self._words(incoming, received)
        for topics in filter(None, [self._intake.more()]):
            assert self._connection is not None
            self._connection.subscribe(topics)
            self._note_down()
        if not observations and receipt is None:
            return None
        return Delivery(observations, receipt, expendable=receipt is None)

    def _words(self, incoming: Incoming, received: datetime) -> tuple[Any, ...]:
        """The observations in one message; whatever happens is counted."""
        if incoming.again and self._memory.delivered(delivery_key(incoming), self._now()):
            self._health.duplicates += 1
            return ()
        if len(incoming.payload) > LARGEST_PAYLOAD_BYTES:
            self._complain(incoming, f"payload is larger than {LARGEST_PAYLOAD_BYTES} bytes")
            return ()
        try:
            words = self._intake.sort(Message(incoming.topic, incoming.payload, incoming.retained), received)
        except BadReply as error:
            self._complain(incoming, str(error))
            return ()
        except Exception as error:  # noqa: BLE001  # a bug met by one message must not silence all the others
            problem = f"{type(error).__name__}: {error}"
            if problem not in self._complaints and len(self._complaints) < 100:
                self._complaints.add(problem)
                _log.exception(
                    "message not understood source=%s topic=%.80r", self._context.name, incoming.topic
                )
            self._complain(incoming, problem)
            return ()
        if incoming.qos:
            self._memory.note_delivery(delivery_key(incoming), self._now())
        return tuple(item for word in words for item in self._count(word, incoming, received))

    def _count(self, word: Word, incoming: Incoming, received: datetime) -> tuple[Any, ...]:
        health = self._health
        if word.device is None:
            health.stranger(shown(word.heard.address), received)
            return ()
        if word.problem:
            health.bad(f"{word.device}: {word.problem}", word.device)
            return ()
        if word.fingerprint is not None and self._memory.frame(word.fingerprint, self._now()):
            health.duplicates += 1
            return ()
        if incoming.retained:
            health.received += 1  # known, but nothing that has just been heard from the device
        else:
            health.good(self._context.clock, word.device)
            health.raw(word.device, received, incoming.payload[:LONGEST_RAW].decode("utf-8", "replace"))
        note = f"{word.device} diagnostics"
        health.notes.pop(note, None)
        diagnostics = [text for sample in word.samples for text in sample.diagnostics]
        if diagnostics:
            health.notes[note] = "; ".join(diagnostics)[:200]
        return word.observations

    def _note_down(self) -> None:
        if self._notebook is not None:
            self._notebook.write(self._intake.filters(), self._intake.lessons())

    def _complain(self, incoming: Incoming, problem: str) -> None:
        self._health.bad(f"{shown(incoming.topic)}: {problem}")

    def _client_id(self) -> str:
        context = self._context
        name = self._settings.client_id or f"village-{context.site}-{context.name}"
        return f"{name}-{os.getpid()}" if context.by_hand else name

    def _now(self) -> float:
        return self._context.clock.monotonic()

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.stop()
            await asyncio.to_thread(connection.join, CLOSE_TIMEOUT_S)
