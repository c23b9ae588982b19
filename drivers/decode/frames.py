"""Modbus frames, byte by byte: build a request, and find the one good reply in whatever came over the line.

::

    RTU   unit | function | data ...                | crc lo hi      silence marks the ends, if you are lucky
    TCP   transaction hi lo | 0 0 | length hi lo | unit | function | data ...
    reply to 1..4:    data = byte count | bytes      reply to 5, 6, 16:  data = address hi lo | value or count hi lo
    exception:        function + 0x80   | code

A reply counts only when unit, function, byte count and checksum (or transaction number) all fit the request: a short or
a foreign reply is worse than none. Adapters that echo the request and lines that prefix garbage are survived by
searching.

Sources: MODBUS Application Protocol Specification V1.1b3, sections 6 and 7; MODBUS over Serial Line V1.02, section
2.5.1; MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import BadReply

LONGEST = 256  # bytes of an RTU frame (Serial Line V1.02, section 2.5.1.1)
_MBAP = 7
_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge, still working",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway: target did not respond",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One question to one unit.

    Attributes:
        unit: 1..247 on a serial line; 0 and 255 exist on TCP.
        function: 1..4 read; 5, 6, 16 write.
        address: 0-based.
        count: Registers or bits to read; ``None`` takes whatever number comes (a read that is really a command).
        values: To be written.
    """

    unit: int
    function: int
    address: int
    count: int | None = 1
    values: tuple[int, ...] = ()

    @property
    def pdu(self) -> bytes:
        """Function and data, as they stand in every framing."""
        head = bytes([self.function]) + self.address.to_bytes(2, "big")
        if self.function == 5:
            return head + (b"\xff\x00" if self.values[0] else b"\x00\x00")
        if self.function == 6:
            return head + self.values[0].to_bytes(2, "big")
        if self.function == 16:
            data = b"".join(value.to_bytes(2, "big") for value in self.values)
            return head + len(self.values).to_bytes(2, "big") + bytes([len(data)]) + data
        return head + (1 if self.count is None else self.count).to_bytes(2, "big")

    @property
    def rtu(self) -> bytes:
        """The whole serial frame."""
        return with_crc(bytes([self.unit]) + self.pdu)

    @property
    def data_bytes(self) -> int | None:
        """How many bytes of data a good reply to a read carries; ``None`` = any even number."""
        if self.count is None:
            return None
        return (self.count + 7) // 8 if self.function in {1, 2} else 2 * self.count

    def __str__(self) -> str:
        table = {
            1: "coils",
            2: "inputs",
            3: "holding",
            4: "input registers",
            5: "coil",
            6: "holding",
            16: "holding",
        }
        last = self.address + (self.count or 1) - 1
        span = f"{self.address}" if last == self.address else f"{self.address}..{last}"
        return f"{table.get(self.function, f'function {self.function}')} {span}"


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be seen in the bytes so far.

    Attributes:
        frame: The answer to this request, exactly; ``None`` = nothing of it yet, go on listening.
        problem: With a frame: why it is no good (``exception_2``, ``short_reply``). Without: what was heard instead
            (``stale``, ``wrong_unit``, ``bad_crc``); empty when all is well or all is silent.
        rest: Bytes that came behind the frame.
        broken: The stream itself can no longer be trusted (TCP): only a new connection helps.
    """

    frame: bytes | None = None
    problem: str = ""
    rest: int = 0
    broken: bool = False


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS: polynomial 0x8005 reflected, start 0xFFFF (Serial Line V1.02, section 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


def with_crc(body: bytes) -> bytes:
    """The body with its checksum, low byte first."""
    return body + crc16(body).to_bytes(2, "little")


def crc_fits(frame: bytes) -> bool:
    """Whether the last two bytes are the checksum of the others."""
    return len(frame) >= 4 and crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little")


def exception_words(problem: str) -> str:
    """``exception_2`` for a person: ``exception 2 (illegal data address)``."""
    head, _, code = problem.partition("_")
    if head != "exception" or not code.isdigit():
        return problem.replace("_", " ")
    return f"exception {code} ({_EXCEPTIONS.get(int(code), 'unknown code')})"


def find_rtu(buffer: bytes, request: Request, *, echo: bool = False) -> Look:
    """Look for the serial reply to a request.

    Args:
        buffer: Everything heard since the request left.
        request: What was asked.
        echo: The adapter repeats what we send; only then is the first acknowledgement of a write known to be our own.
    """
    skip = len(request.rtu) if echo and buffer.startswith(request.rtu) else 0
    for start in range(skip, len(buffer) - 3):
        if buffer[start] != request.unit or buffer[start + 1] & 0x7F != request.function:
            continue
        size = _rtu_size(buffer, start)
        frame = buffer[start : start + size]
        if len(frame) < size or not crc_fits(frame):
            continue
        return Look(frame, _verdict(frame[1:-2], request), len(buffer) - start - size)
    return Look(problem=_what_else(buffer[skip:], request))


def find_tcp(buffer: bytes, request: Request, transaction: int) -> Look:
    """Look for the reply with a transaction number in a TCP or TLS stream."""
    start, heard = 0, ""
    while len(buffer) - start >= _MBAP:
        length = int.from_bytes(buffer[start + 4 : start + 6], "big")
        if buffer[start + 2 : start + 4] != b"\0\0" or not 3 <= length <= 254:
            return Look(problem="garbage", broken=True)
        end = start + 6 + length
        if end > len(buffer):
            return Look(problem=heard)
        frame = buffer[start:end]
        start = end
        if int.from_bytes(frame[:2], "big") != transaction:
            heard = "stale"
            continue
        if frame[6] != request.unit:
            return Look(frame, "wrong_unit", len(buffer) - end)
        return Look(frame, _verdict(frame[_MBAP:], request), len(buffer) - end)
    return Look(problem=heard)


def words_of(pdu: bytes, request: Request) -> tuple[int, ...]:
    """Registers (0..65535) or bits (0, 1) of a good reply to a read; nothing for a write."""
    if request.function in {5, 6, 16}:
        return ()
    data = pdu[2:]
    if request.function in {1, 2}:
        bits = [byte >> place & 1 for byte in data for place in range(8)]
        return tuple(bits[: request.count])
    return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))


def request_of(frame: bytes) -> Request:
    """The request in a whole RTU frame, as a manual or a line monitor shows it.

    Raises:
        BadReply: It is not one of a read.
    """
    if not crc_fits(frame):
        raise BadReply("the request's checksum does not fit")
    if len(frame) != 8 or frame[1] not in {1, 2, 3, 4}:
        raise BadReply("the request is not one of function 1 to 4")
    return Request(frame[0], frame[1], int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big"))


def _verdict(pdu: bytes, request: Request) -> str:
    """Empty when the function and data of an intact frame answer the request, else why not."""
    if pdu[0] == request.function | 0x80:
        return f"exception_{pdu[1]}" if len(pdu) == 2 else "wrong_length"
    if pdu[0] != request.function:
        return "wrong_function"
    if request.function in {5, 6}:
        return "" if pdu == request.pdu else "wrong_acknowledgement"
    if request.function == 16:
        return "" if pdu == request.pdu[:5] else "wrong_acknowledgement"
    if len(pdu) < 2 or len(pdu) != 2 + pdu[1]:
        return "wrong_length"
    wanted = request.data_bytes
    if wanted is None:
        return "" if pdu[1] % 2 == 0 else "wrong_length"
    if pdu[1] == wanted:
        return ""
    return "short_reply" if pdu[1] < wanted else "long_reply"


def _rtu_size(buffer: bytes, start: int) -> int:
    function = buffer[start + 1]
    if function & 0x80:
        return 5
    return 8 if function in {5, 6, 16} else 5 + buffer[start + 2]


def _what_else(heard: bytes, request: Request) -> str:
    """A word for what came instead of the reply: helps the person at the cable."""
    if heard == request.rtu:
        return "only_echo"
    if request.rtu.startswith(heard):
        return ""
    if crc_fits(heard):
        return "wrong_unit" if heard[0] != request.unit else "wrong_function"
    return "bad_crc" if len(heard) >= 5 else "garbage"


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_TABLE = _table()
