"""SMS, and a ringing telephone, by a SIM card in this very box: needs no company, no contract and no internet.

::

    channels:
      sim:
        type: sim_modem
        port: /dev/serial/by-id/usb-SimTech_SIM7600-if02-port0
        pin_file: sim-pin           # only if the card has a PIN
        receipt_within: 20 s        # wait so long for "the telephone has it"
        ring_from: red              # from this severity on the telephone is also rung
        listen: 20 s                # so often it is looked whether somebody has answered; 0 s: never

- sends: SMS in the seven-bit alphabet or UCS-2, long ones in parts; rings a telephone and hangs up
- reads: delivery reports; replies, every ``listen``
- times out: 5 s for an answer, 60 s for the network to take a message
- one user at a time: the port is locked for each message and let go after it
- tested on a pseudo-terminal against a modem of our own; never on real hardware
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field

from gateway.contracts import ChannelContext, Delivered, Heard
from gateway.credentials import Secret
from gateway.errors import Broken, DeliveryError, Retry, Uncertain, Undeliverable
from gateway.model import Notice, Severity
from gateway.notify import limits
from gateway.notify.modem import ANSWER_S, SENT_S, Modem, Said, WrongPin
from gateway.notify.pdu import Incoming, Report, shortened, submit
from gateway.notify.phones import e164
from gateway.notify.telephone import Telephone, Trace, later, secret_of
from gateway.schema import Duration, Strict

REGISTER_S = 30.0  # a modem that has just got power looks for its network about so long
INCOMPLETE_AFTER = timedelta(days=1)  # parts that are still alone then are told as they are
_REPORTS = (
    "+CNMI=2,1,0,1,0",
    "+CNMI=1,1,0,1,0",
)  # 27.005 3.4.1: reports at once to us; what a modem takes differs


class Settings(Strict):
    """One modem.

    Attributes:
        port: Its device file.
        baud: Speed of the port; a USB modem does not care.
        pin_file: File with the card's PIN.
        parts: Most parts of one message; a longer one is cut, with an ellipsis.
        receipt_within: How long to wait for the report that the telephone has it; zero: not at all.
        ring_from: From this severity on the telephone is also rung.
        ring_for: How long.
        answer: Longest wait for a short answer.
        send: Longest wait for the network to take a message.
        register_within: Longest wait for a network.
        listen: How often it is looked for replies; zero: never.
    """

    port: Annotated[str, Field(pattern=r"^/dev/[\w./:-]+$")]
    baud: Annotated[int, Field(ge=1200, le=4_000_000)] = 115200
    pin_file: str | None = None
    parts: Annotated[int, Field(ge=1, le=10)] = 4
    receipt_within: Annotated[Duration, Field(le=timedelta(minutes=5))] = timedelta(0)
    ring_from: Literal["yellow", "orange", "red", "never"] = "never"
    ring_for: Annotated[Duration, Field(le=timedelta(minutes=1))] = timedelta(seconds=25)
    answer: Annotated[Duration, Field(ge=timedelta(milliseconds=50))] = timedelta(seconds=ANSWER_S)
    send: Annotated[Duration, Field(ge=timedelta(milliseconds=50), le=timedelta(minutes=3))] = timedelta(
        seconds=SENT_S
    )
    register_within: Annotated[Duration, Field(le=timedelta(minutes=3))] = timedelta(seconds=REGISTER_S)
    listen: Annotated[Duration, Field(le=timedelta(minutes=10))] = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMS that somebody sent to our card.

    Attributes:
        number: Who.
        text: What.
        at: When the service centre had it, aware UTC.
        places: Where its parts lie in the modem, for :meth:`Channel.forget`.
    """

    number: str
    text: str
    at: datetime
    places: tuple[int, ...]


class Channel(Telephone):
    """SMS by a SIM card of our own."""

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        super().__init__(context, limits=limits.SMS, urgent=limits.MODEM)
        self._settings = settings
        self._one = threading.Lock()
        self._reference = 0
        self._heard: dict[str, Reply] = {}

    @property
    def listens(self) -> bool:
        """Whether somebody looks for replies."""
        return self._settings.listen > timedelta(0)

    def hear(self, wait_s: float) -> Sequence[Heard]:
        """See :class:`gateway.contracts.Hearing`: one look after each pause, whatever ``wait_s`` says."""
        del wait_s
        if self._closed.wait(self._settings.listen.total_seconds()):
            return ()
        self._heard = {
            f"{reply.number} {reply.at.isoformat()} {reply.places}": reply for reply in self.replies()
        }
        return [Heard(key, reply.number, reply.text, reply.at) for key, reply in self._heard.items()]

    def taken(self, heard: Sequence[Heard]) -> None:
        """See :class:`gateway.contracts.Hearing`."""
        self.forget(*(self._heard[one.id] for one in heard if one.id in self._heard))

    def replies(self) -> tuple[Reply, ...]:
        """SMS that came in, oldest first; the same ones again until :meth:`forget` says that they are kept elsewhere.

        Raises:
            Retry: Also Broken, as for :meth:`deliver`.
        """
        with self._one, self._modem() as modem:
            self._ready(modem)
            found = modem.messages()
        return _whole(
            [(place, part) for place, part in found if isinstance(part, Incoming)], self._context.clock.now()
        )

    def forget(self, *replies: Reply) -> None:
        """These are kept elsewhere: the card need not remember them.

        Raises:
            Retry: Also Broken, as for :meth:`deliver`.
        """
        with self._one, self._modem() as modem:
            self._ready(modem)
            for place in (place for reply in replies for place in reply.places):
                try:
                    modem.ask(f"+CMGD={place}")
                except Said as said:
                    raise said.as_delivery() from said

    def _number(self, notice: Notice) -> str:
        return e164(notice.to)

    def _check(self, notice: Notice) -> None:
        if not (notice.text or notice.subject).strip():
            raise ValueError("the message is empty")

    def _send(self, notice: Notice, number: str) -> Delivered:
        settings = self._settings
        text = shortened(f"【{self._context.site}】{notice.text or notice.subject}", settings.parts)
        wait_s = settings.receipt_within.total_seconds()
        with self._one, self._modem() as modem:
            self._ready(modem)
            self._reference = (self._reference + 1) % 256
            lines = submit(number, text, reference=self._reference, report=wait_s > 0)
            wants = wait_s > 0 and self._asks_for_reports(modem)
            sent: list[int] = []
            try:
                sent.extend(
                    map(modem.send, lines)
                )  # grows part by part: what went out before a failure is known
            except Said as said:
                if sent:
                    raise Uncertain(f"{len(sent)} of {len(lines)} parts went out, then: {said}") from said
                raise said.as_delivery() from said
            except Retry as error:
                if sent and not isinstance(error, Uncertain):
                    raise Uncertain(f"{len(sent)} of {len(lines)} parts went out, then: {error}") from error
                raise
            words = [f"{len(lines)} SMS taken by {modem.network()}"]
            if settings.ring_from != "never" and notice.severity >= Severity[settings.ring_from.upper()]:
                words.append(_rung(modem, number, settings.ring_for.total_seconds()))
            provider_id = ",".join(map(str, sent))
            if wants:
                modem.wait_for_reports(len(lines), wait_s)
                outcome = _outcome(
                    [report for report in modem.reports if report.reference in sent], len(lines)
                )
                if isinstance(outcome, DeliveryError):
                    raise outcome
                if outcome:
                    return Delivered(provider_id, "; ".join([*words, outcome]), "delivered")
        return Delivered(provider_id, "; ".join(words))

    def _receipt(self, trace: Trace) -> Delivered | DeliveryError | None:
        del trace
        return None  # a report that comes later carries a number only, used again after 255 messages

    def _modem(self) -> Modem:
        settings = self._settings
        return Modem(
            settings.port,
            settings.baud,
            answer_s=settings.answer.total_seconds(),
            sent_s=settings.send.total_seconds(),
        )

    def _ready(self, modem: Modem) -> None:
        """Card unlocked, network found, messages as PDU."""
        pin = self._pin()
        try:
            modem.unlock(pin)
        except WrongPin:
            self._remember_refused(pin)
            raise
        try:
            modem.registered(self._settings.register_within.total_seconds())
            modem.ask("+CMGF=0")
        except Said as said:
            raise said.as_delivery() from said

    @staticmethod
    def _asks_for_reports(modem: Modem) -> bool:
        for command in _REPORTS:
            try:
                modem.ask(command)
            except Said:
                continue
            return True
        return False

    def _pin(self) -> Secret | None:
        """The PIN, unless the card has refused this very one before: three wrong ones lock it."""
        if self._settings.pin_file is None:
            return None
        pin = secret_of(self._settings.pin_file, "pin_file")
        if not pin.reveal().isascii() or not pin.reveal().isdecimal() or not 4 <= len(pin.reveal()) <= 8:
            raise Broken(f"{self._settings.pin_file}: a PIN has four to eight digits")
        mark = self._context.state_dir / "refused-pin"
        try:
            refused = mark.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return pin
        if refused == _digest(pin):
            raise Broken(
                f"the SIM card refused this PIN before; write the right one into {self._settings.pin_file}"
            )
        return pin

    def _remember_refused(self, pin: Secret | None) -> None:
        if pin is None:
            return
        folder = self._context.state_dir
        try:
            folder.mkdir(parents=True, exist_ok=True)
            mark = folder / "refused-pin"
            mark.touch(mode=0o600)  # whoever may read this may read the PIN itself
            mark.write_text(_digest(pin), encoding="ascii")
        except OSError as error:
            raise Broken(
                f"the SIM card is locked, and {folder} cannot be written ({error.strerror})"
            ) from error


def _digest(pin: Secret) -> str:
    return sha256(b"village-pin:" + pin.reveal().encode()).hexdigest()


def _rung(modem: Modem, number: str, for_s: float) -> str:
    """The SMS is out: whatever the call comes to is only told."""
    try:
        return modem.ring(number, for_s)
    except (Said, Retry) as error:
        return f"could not be called: {error}"


def _outcome(reports: list[Report], parts: int) -> str | DeliveryError:
    """What the reports of all parts say together; empty while one is missing or the centre still tries."""
    worst = max((report.status for report in reports), default=0)
    if worst >= 0x60:  # 23.040 9.2.3.15: temporary error, no further tries
        return later(f"the service centre gave up for now (status {worst:#04x})", timedelta(minutes=10))
    if worst >= 0x40:
        return Undeliverable(f"the service centre could not deliver it (status {worst:#04x})")
    return "the telephone has it" if len(reports) >= parts and worst < 0x20 else ""


def _whole(found: list[tuple[int, Incoming]], now: datetime) -> tuple[Reply, ...]:
    """Parts put together; one that waits for others longer than a day is told as it is."""
    heaps: dict[tuple[object, ...], list[tuple[int, Incoming]]] = {}
    for place, part in found:
        key = (place,) if part.reference is None else (part.number, part.reference, part.total)
        heaps.setdefault(key, []).append((place, part))
    replies = []
    for heap in heaps.values():
        parts = {part.part: part for _, part in heap}
        first = min(part.at for part in parts.values())
        if len(parts) == heap[0][1].total or first < now.astimezone(UTC) - INCOMPLETE_AFTER:
            text = "".join(parts[number].text for number in sorted(parts))
            replies.append(Reply(heap[0][1].number, text, first, tuple(place for place, _ in heap)))
    return tuple(sorted(replies, key=lambda reply: reply.at))
