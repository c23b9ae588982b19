"""A modem that is spoken to with AT commands over a serial port, one command at a time.

- A line that nobody asked for (``RING``, ``+CMTI``, ``+CREG``, ``^RSSI``) may come at any moment: only the final
  word of the command and lines with its own prefix are its answer; call words and reports are kept, the rest is left
  aside.
- It may echo, hang, or still wait for the text of a message from a life before: every wait has an end, and a
  conversation begins with ESC.
- The port is locked: a second program gets "in use", never half of the answers.

Sources: 3GPP TS 27.005 (SMS), TS 27.007 (SIM, network, calls), ITU-T V.250 (the language).
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

import serial

from gateway.credentials import Secret
from gateway.errors import Broken, Retry, Uncertain
from gateway.notify import atcodes
from gateway.notify.pdu import Incoming, Report, Submit, read

ANSWER_S = 5.0  # a command that asks no network
SENT_S = 60.0  # 27.005: the network takes a message within a minute, or says why not
DIAL_S = 30.0
SLICE_S = 0.05
LONGEST_LINE = 1024
MOST_KEPT = 200
FEWEST_PINS = 2  # the last try is a person's
_FINAL = (
    "OK",
    "ERROR",
    "+CME ERROR",
    "+CMS ERROR",
    "NO CARRIER",
    "BUSY",
    "NO ANSWER",
    "NO DIALTONE",
    "NO DIAL TONE",
)
_CALL_OVER = ("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE")
_REGISTERED = {"1": "home", "5": "roaming"}
_NOT_REGISTERED = {
    "0": "it looks for none",
    "2": "it is looking for one",
    "3": "it was refused",
    "4": "unknown",
}
ESC, END = b"\x1b", b"\x1a"


class Said(Exception):
    """The modem's final word was no; the verdict of :mod:`gateway.notify.atcodes` says what that means."""

    def __init__(self, command: str, line: str) -> None:
        self.line = line
        self.verdict = atcodes.meaning(line)
        super().__init__(f"{self.verdict.words} ({command}: {line})")

    def as_delivery(self) -> Exception:
        """As whoever delivers must raise it."""
        if self.verdict.kind is Retry:
            after = timedelta(seconds=self.verdict.after_s) if self.verdict.after_s else None
            return Retry(str(self), after)
        return self.verdict.kind(str(self))


class WrongPin(Broken):
    """The SIM card refused the PIN: the same one must not be tried again, the third wrong one locks the card."""


@dataclass(frozen=True, slots=True)
class Network:
    """Where the modem is.

    Attributes:
        operator: As it calls itself; empty when there is none.
        signal_dbm: Received strength [dBm], ``None`` when the modem does not know.
    """

    operator: str
    signal_dbm: int | None

    def __str__(self) -> str:
        signal = "signal unknown" if self.signal_dbm is None else f"signal {self.signal_dbm} dBm"
        return f"{self.operator or 'no operator'}, {signal}"


class Modem:
    """One conversation; ``with`` opens the port and closes it.

    Args:
        port: Device file, best one under ``/dev/serial/by-id/``.
        baud: Speed; a USB modem does not care.
        answer_s: Longest wait for a short answer [s].
        sent_s: Longest wait for the network to take a message [s].
    """

    def __init__(self, port: str, baud: int, *, answer_s: float = ANSWER_S, sent_s: float = SENT_S) -> None:
        self._port = port
        self._baud = baud
        self._answer_s = answer_s
        self._sent_s = sent_s
        self._serial: serial.Serial | None = None
        self._rest = b""
        self._expects_report = False
        self.calls: deque[str] = deque(maxlen=MOST_KEPT)
        self.reports: deque[Report] = deque(maxlen=MOST_KEPT)

    def __enter__(self) -> Self:
        """Open the port and find the modem awake; raises Retry."""
        try:
            self._serial = serial.Serial(
                self._port, self._baud, timeout=SLICE_S, write_timeout=self._answer_s, exclusive=True
            )
        except (serial.SerialException, OSError, ValueError) as error:
            why = "is in use by another program" if "lock" in str(error).lower() else "cannot be opened"
            raise Retry(f"modem port {self._port} {why}: {_reason(error)}") from error
        try:
            self._wake()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        port, self._serial = self._serial, None
        if port is not None:
            with contextlib.suppress(serial.SerialException, OSError):
                port.close()

    def ask(
        self, command: str, prefix: str = "", *, within_s: float | None = None, body: bool = False
    ) -> list[str]:
        """One command and the lines of its answer.

        Args:
            command: Behind ``AT``.
            prefix: Of the lines that are its answer; others are none of its.
            within_s: Longest wait [s].
            body: Whether a second line belongs to each.

        Raises:
            Said: Its final word was no.
            Retry: It is silent, or the port is gone.
        """
        self._write(f"AT{command}\r".encode("ascii"))
        return self._answer(command, prefix, self._answer_s if within_s is None else within_s, body=body)

    def send(self, part: Submit) -> int:
        """One part of a message; the number that its report will carry.

        Raises:
            Said: The modem or the network refused it.
            Retry: The modem does not ask for the text.
            Uncertain: It has the text and is silent.
        """
        self._write(f"AT+CMGS={part.length}\r".encode("ascii"))
        if not self._prompt():
            self._write(ESC)
            raise Retry("the modem does not ask for the text of the message")
        self._write(part.digits.encode("ascii") + END)
        try:
            lines = self._answer("+CMGS", "+CMGS:", self._sent_s)
        except Retry as error:
            raise Uncertain(f"the modem has the message and then: {error}") from error
        number = lines[0].partition(":")[2].split(",")[0].strip() if lines else ""
        return int(number) if number.isdecimal() and len(number) < 4 else -1

    def unlock(self, pin: Secret | None) -> None:
        """The SIM card's PIN, tried once: after three wrong ones the card is locked.

        Raises:
            WrongPin: The card refused this one.
            Broken: There is no card, or no PIN.
            Retry: The card is not ready yet.
        """
        try:
            state = self._value("+CPIN?", "+CPIN:")
        except Said as said:
            raise said.as_delivery() from said
        if state == "READY":
            return
        if state != "SIM PIN":
            wants = state or "something"
            raise Broken(f"the SIM card asks for {wants}; put it into a telephone and answer there")
        if pin is None:
            raise Broken("the SIM card wants its PIN; write pin_file:")
        left = self._pins_left()
        if left is not None and left < FEWEST_PINS:
            tries = f"{left} tries" if left != 1 else "one try"
            raise Broken(f"the SIM card has {tries} left; put it into a telephone and type the PIN in there")
        try:
            self.ask(f'+CPIN="{pin.reveal()}"', within_s=self._answer_s * 2)
        except Said as said:
            raise WrongPin(f"the SIM card refused its PIN ({said.line})") from said

    def _pins_left(self) -> int | None:
        """How many tries are left (27.007 8.65); ``None`` when the modem does not tell."""
        try:
            lines = self.ask("+CPINR", "+CPINR:")
        except Said:
            return None
        for line in lines:
            left = _field(line, 1)
            if _field(line, 0).strip('"') == "SIM PIN" and left.isdecimal():
                return int(left)
        return None

    def registered(self, within_s: float) -> None:
        """Wait until the modem is in a network; raises Retry."""
        deadline = time.monotonic() + within_s
        while True:
            states = [_field(line, 1) for line in self.ask("+CREG?", "+CREG:")]
            state = next(
                (state for state in states if state.isdecimal()), ""
            )  # unasked, it comes without its mode
            if state in _REGISTERED:
                return
            if time.monotonic() >= deadline:
                raise Retry(f"the modem is in no network: {_NOT_REGISTERED.get(state, state)}")
            self._listen(min(1.0, max(SLICE_S, deadline - time.monotonic())))

    def network(self) -> Network:
        """Operator and signal, for people; a modem that does not tell them is no fault."""
        operator, signal = "", None
        with contextlib.suppress(Said):
            fields = self._value("+COPS?", "+COPS:").split(",")
            operator = fields[2].strip().strip('"') if len(fields) > 2 else ""
        with contextlib.suppress(Said):
            level = self._value("+CSQ", "+CSQ:").split(",")[0].strip()
            if level.isdecimal() and int(level) <= 31:  # 27.007 8.5: 0 is -113 dBm, steps of 2
                signal = -113 + 2 * int(level)
        return Network("".join(letter for letter in operator if letter.isprintable())[:40], signal)

    def messages(self) -> list[tuple[int, Incoming | Report]]:
        """What lies in the modem's memory, by place; what cannot be read stays there."""
        found, place = [], ""
        for line in self.ask("+CMGL=4", "+CMGL:", within_s=self._answer_s * 4, body=True):
            if line.startswith("+CMGL:"):
                place = line.partition(":")[2].split(",")[0].strip()
                continue
            with contextlib.suppress(ValueError):
                found.append((int(place), read(line)))
        return found

    def wait_for_reports(self, count: int, within_s: float) -> None:
        """Listen until so many reports have come, or the time is over."""
        deadline = time.monotonic() + within_s
        while len(self.reports) < count and time.monotonic() < deadline:
            self._listen(min(0.5, max(SLICE_S, deadline - time.monotonic())))

    def ring(self, number: str, for_s: float) -> str:
        """Let a telephone ring, then hang up; what came of it, in words. Raises Said or Retry when it could not."""
        self.calls.clear()
        try:
            self.ask(f"D{number};", within_s=DIAL_S)
            deadline = time.monotonic() + for_s
            while time.monotonic() < deadline:
                self._listen(min(0.5, max(SLICE_S, deadline - time.monotonic())))
                if self.calls:
                    return f"called: {self.calls[0].lower()}"
                with contextlib.suppress(Said):
                    if any(_field(line, 2) == "0" for line in self.ask("+CLCC", "+CLCC:")):
                        return "called: answered"
            return f"called: rang for {for_s:g} s"
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        with contextlib.suppress(Retry):
            try:
                self.ask("H")
            except Said:
                with contextlib.suppress(Said):
                    self.ask("+CHUP")

    def _wake(self) -> None:
        self._write(ESC)
        self._listen(SLICE_S)
        for attempt in range(3):
            try:
                self.ask("E0", within_s=self._answer_s / 2)
                break
            except Said:
                break
            except Retry:
                if attempt == 2:
                    raise
        with contextlib.suppress(Said):
            self.ask("+CMEE=1")

    def _value(self, command: str, prefix: str) -> str:
        lines = self.ask(command, prefix)
        return lines[0].partition(":")[2].strip() if lines else ""

    def _answer(self, command: str, prefix: str, within_s: float, *, body: bool = False) -> list[str]:
        deadline, lines, wants_body = time.monotonic() + within_s, list[str](), False
        while True:
            line = self._line(deadline)
            if line is None:
                raise Retry(
                    f"the modem has been silent for {within_s:g} s after AT{command.partition('=')[0]}"
                )
            if line.startswith("AT"):
                continue  # an echo
            if wants_body and _is_hex(line):
                lines.append(line)
                wants_body = False
            elif prefix and line.startswith(prefix):
                lines.append(line)
                wants_body = body
            elif line == "OK":
                return lines
            elif line.startswith(("ERROR", "+CME ERROR", "+CMS ERROR")):
                raise Said(command.partition("=")[0], line)
            elif command.startswith("D") and line in _CALL_OVER:
                raise Said("D", line)
            else:
                self._aside(line)

    def _aside(self, line: str) -> None:
        """A line that nobody asked for."""
        if self._expects_report:
            self._expects_report = False
            with contextlib.suppress(ValueError):
                report = read(line)
                if isinstance(report, Report):
                    self.reports.append(report)
        elif line.startswith("+CDS:"):
            self._expects_report = True
        elif line in _CALL_OVER:
            self.calls.append(line)

    def _listen(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (line := self._line(deadline)) is not None:
            self._aside(line)

    def _prompt(self) -> bool:
        deadline = time.monotonic() + self._answer_s
        while time.monotonic() < deadline:
            if self._rest.lstrip().startswith(b">"):
                self._rest = b""
                return True
            line = self._line(min(deadline, time.monotonic() + SLICE_S))
            if line is None or line.startswith("AT"):
                continue
            if line.startswith(_FINAL[:4]):
                raise Said("+CMGS", line)
            self._aside(line)
        return False

    def _line(self, deadline: float) -> str | None:
        """The next line that is not empty; ``None`` when the time is over."""
        while True:
            line, found, rest = self._rest.replace(b"\r", b"\n").partition(b"\n")
            if found:
                self._rest = rest
                text = line.decode("ascii", "replace").strip()
                if text:
                    return text
                continue
            if time.monotonic() >= deadline:
                return None
            if len(self._rest) > LONGEST_LINE:
                self._rest = b""  # a line without end: noise of a wrong speed
            self._rest += self._read()

    def _read(self) -> bytes:
        assert self._serial is not None
        try:
            return bytes(self._serial.read(max(1, self._serial.in_waiting)))
        except (serial.SerialException, OSError, TypeError) as error:  # TypeError: pyserial, closed under it
            raise Retry(f"the modem's port is gone: {_reason(error)}") from error

    def _write(self, data: bytes) -> None:
        assert self._serial is not None
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError) as error:
            raise Retry(f"the modem's port does not take anything: {_reason(error)}") from error


def _field(line: str, position: int) -> str:
    fields = line.partition(":")[2].split(",")
    return fields[position].strip() if len(fields) > position else ""


def _is_hex(line: str) -> bool:
    return len(line) % 2 == 0 and all(letter in "0123456789abcdefABCDEF" for letter in line)


def _reason(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]
