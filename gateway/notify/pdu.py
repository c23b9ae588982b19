"""Short messages as a modem takes and gives them: one line of hexadecimal digits. Pure.

Sources: 3GPP TS 23.038 (GSM 03.38, alphabets and coding schemes), TS 23.040 (GSM 03.40, the fields below)::

    SUBMIT         SCA | 01 flags | MR | DA | PID | DCS | VP | UDL | UD          what we send
    DELIVER        SCA | 00 flags | OA | PID | DCS | SCTS | UDL | UD             what comes in
    STATUS-REPORT  SCA | 02 flags | MR | RA | SCTS | DT | ST                     what became of ours

    SCA service centre (length in octets; 00: the SIM's own)   DA/OA/RA address (length in digits, kind, swapped digits)
    MR reference    VP validity    SCTS/DT time stamps, 7 octets of swapped digits    UDL in septets or octets
    UD begins with a header when flag 40 is set: length, then elements; 00 03 ref total number: part of a longer one
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_MORE = {
    "\f": 10,
    "^": 20,
    "{": 40,
    "}": 41,
    "\\": 47,
    "[": 60,
    "~": 61,
    "]": 62,
    "|": 64,
    "€": 101,
}  # after escape
_ESCAPE = 0x1B
_TO_SEPTET = {letter: (code,) for code, letter in enumerate(_BASIC) if code != _ESCAPE} | {
    letter: (_ESCAPE, code) for letter, code in _MORE.items()
}
_FROM_MORE = {code: letter for letter, code in _MORE.items()}
_DIGITS = "0123456789*#abc"

SEPTETS, SEPTETS_OF_PART = 160, 153
UNITS, UNITS_OF_PART = 70, 67  # of UTF-16
MOST_PARTS = 255
VALIDITY_A_DAY = 0xA7  # 23.040 9.2.3.12.1: (167 - 143) x 30 min + 12 h = 24 h


@dataclass(frozen=True, slots=True)
class Submit:
    """One part of a message on its way out.

    Attributes:
        digits: The whole line for the modem.
        length: Octets without the service centre's: the number behind ``AT+CMGS=``.
    """

    digits: str
    length: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """One part of a message that somebody sent.

    Attributes:
        number: Who; ``+`` in front of an international one, letters where a name was sent.
        text: What.
        at: When the service centre had it, aware UTC.
        reference: Of the longer message that it is a part of; ``None`` when it is whole.
        total: Parts of that.
        part: Which one, from 1.
    """

    number: str
    text: str
    at: datetime
    reference: int | None = None
    total: int = 1
    part: int = 1


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a message of ours.

    Attributes:
        reference: Of the part, as the modem gave it.
        number: Whom it was for.
        status: 23.040 9.2.3.15: below 0x20 it has arrived, below 0x40 the centre still tries, above it has given up.
    """

    reference: int
    number: str
    status: int


def parts_of(text: str) -> list[str]:
    """The text cut into as many pieces as it takes messages; no letter is ever cut in two."""
    if all(letter in _TO_SEPTET for letter in text):
        return _cut(text, [len(_TO_SEPTET[letter]) for letter in text], SEPTETS, SEPTETS_OF_PART)
    return _cut(text, [1 + (ord(letter) > 0xFFFF) for letter in text], UNITS, UNITS_OF_PART)


def shortened(text: str, parts: int) -> str:
    """The text, or as much of its beginning as goes into so many messages, with an ellipsis behind it."""
    pieces = parts_of(text)
    if len(pieces) <= parts:
        return text
    mark = "..." if all(letter in _TO_SEPTET for letter in text) else "…"
    end = sum(map(len, pieces[:parts]))
    while len(parts_of(text[:end] + mark)) > parts:
        end -= 1
    return text[:end] + mark


def submit(number: str, text: str, *, reference: int, report: bool) -> list[Submit]:
    """A message as lines for the modem.

    Args:
        number: International, with ``+``.
        text: Chinese goes as UCS-2, all else in the seven-bit alphabet where it can.
        reference: Any number below 256; shared by the parts of one message.
        report: Whether the centre shall say what became of it.

    Raises:
        ValueError: More than 255 parts, or no number.
    """
    pieces = parts_of(text)
    if len(pieces) > MOST_PARTS:
        raise ValueError(f"{len(pieces)} parts; a message has at most {MOST_PARTS}")
    wide = any(letter not in _TO_SEPTET for letter in text)
    flags = 0x11 | (0x20 if report else 0) | (0x40 if len(pieces) > 1 else 0)  # SUBMIT, relative validity
    lines = []
    for position, piece in enumerate(pieces, start=1):
        header = bytes((5, 0, 3, reference & 0xFF, len(pieces), position)) if len(pieces) > 1 else b""
        body = bytes((flags, 0)) + _address(number) + bytes((0, 8 if wide else 0, VALIDITY_A_DAY))
        body += _wide(header, piece) if wide else _narrow(header, piece)
        lines.append(Submit("00" + body.hex().upper(), len(body)))
    return lines


def read(digits: str) -> Incoming | Report:
    """One line from the modem.

    Raises:
        ValueError: It is no DELIVER and no STATUS-REPORT, or it is cut short.
    """
    try:
        data = bytes.fromhex(digits.strip())
        body = data[1 + data[0] :]
        if body[0] & 3 == 0:
            return _deliver(body)
        if body[0] & 3 == 2:
            number, rest = _read_address(body[2:])
            return Report(body[1], number, rest[14])
    except (IndexError, OverflowError) as error:
        raise ValueError("a short message that is cut short") from error
    raise ValueError(f"a short message of kind {body[0] & 3}, neither DELIVER nor STATUS-REPORT")


def pack(septets: list[int], *, skip_bits: int = 0) -> bytes:
    """Seven-bit codes into octets, the lowest bits first, behind ``skip_bits`` empty ones."""
    bits = sum(code << (7 * position) for position, code in enumerate(septets)) << skip_bits
    return bits.to_bytes((7 * len(septets) + skip_bits + 7) // 8, "little")


def unpack(octets: bytes, count: int, *, skip_bits: int = 0) -> list[int]:
    """The reverse of :func:`pack`."""
    bits = int.from_bytes(octets, "little") >> skip_bits
    return [bits >> (7 * position) & 0x7F for position in range(count)]


def septets_of(text: str) -> list[int]:
    """Codes of the seven-bit alphabet; letters behind the escape take two."""
    return [code for letter in text for code in _TO_SEPTET[letter]]


def text_of(septets: list[int]) -> str:
    """The reverse of :func:`septets_of`; an unknown letter behind the escape is a blank (23.038 6.2.1.1)."""
    letters, escaped = [], False
    for code in septets:
        if escaped:
            letters.append(_FROM_MORE.get(code, " "))
            escaped = False
        elif code == _ESCAPE:
            escaped = True
        else:
            letters.append(_BASIC[code])
    return "".join(letters)


def _cut(text: str, costs: list[int], whole: int, part: int) -> list[str]:
    if sum(costs) <= whole:
        return [text]
    pieces, start, used = [], 0, 0
    for position, cost in enumerate(costs):
        if used + cost > part:
            pieces.append(text[start:position])
            start, used = position, 0
        used += cost
    return [*pieces, text[start:]]


def _address(number: str) -> bytes:
    digits = number.removeprefix("+")
    if not digits or not digits.isascii() or not digits.isdecimal():
        raise ValueError("an address is made of digits")
    swapped = bytes.fromhex("".join(b + a for a, b in zip(digits[::2], (digits + "F")[1::2], strict=False)))
    return bytes((len(digits), 0x91 if number.startswith("+") else 0x81)) + swapped


def _read_address(data: bytes) -> tuple[str, bytes]:
    count, kind = data[0], data[1]
    end = 2 + (count + 1) // 2
    if len(data) < end:
        raise IndexError
    if kind & 0x70 == 0x50:  # a name, in seven bits
        return text_of(unpack(data[2:end], count * 4 // 7)), data[end:]
    digits = "".join(_digit(octet & 15) + _digit(octet >> 4) for octet in data[2:end])[:count]
    return ("+" if kind & 0x70 == 0x10 else "") + digits, data[end:]


def _digit(half: int) -> str:
    return _DIGITS[half] if half < len(_DIGITS) else ""


def _narrow(header: bytes, piece: str) -> bytes:
    septets = septets_of(piece)
    fill = -len(header) * 8 % 7
    front = (len(header) * 8 + fill) // 7
    return bytes((front + len(septets),)) + header + pack(septets, skip_bits=fill)


def _wide(header: bytes, piece: str) -> bytes:
    body = header + piece.encode("utf-16-be", "surrogatepass")
    return bytes((len(body),)) + body


def _deliver(body: bytes) -> Incoming:
    number, rest = _read_address(body[1:])
    scheme, stamp, length, data = rest[1], rest[2:9], rest[9], rest[10:]
    header = data[: 1 + data[0]] if body[0] & 0x40 else b""
    width = _width(scheme)
    needed = (length * 7 + 7) // 8 if width == 7 else length
    if len(data) < needed:
        raise IndexError
    if width == 7:
        front = (len(header) * 8 + 6) // 7
        text = text_of(unpack(data[:needed], length)[front:])
    elif width == 16:
        text = data[len(header) : length].decode("utf-16-be", "replace")
    else:
        text = data[len(header) : length].decode("latin-1")
    reference, total, part = _part(header)
    return Incoming(number, text, _time(stamp), reference, total, part)


def _width(scheme: int) -> int:
    """Bits of a letter by the data coding scheme, 23.038 section 4."""
    if scheme & 0xC0 == 0:
        if scheme & 0x20:
            raise ValueError("a compressed short message")
        return {0: 7, 4: 8, 8: 16}.get(scheme & 0x0C, 7)
    if scheme & 0xF0 == 0xF0:
        return 8 if scheme & 4 else 7
    return 16 if scheme & 0xF0 == 0xE0 else 7


def _part(header: bytes) -> tuple[int | None, int, int]:
    position = 1
    while position + 1 < len(header):
        kind, length = header[position], header[position + 1]
        value = header[position + 2 : position + 2 + length]
        if kind == 0 and len(value) == 3 and 1 <= value[2] <= value[1]:
            return value[0], value[1], value[2]
        if kind == 8 and len(value) == 4 and 1 <= value[3] <= value[2]:
            return value[0] << 8 | value[1], value[2], value[3]
        position += 2 + length
    return None, 1, 1


def _time(stamp: bytes) -> datetime:
    year, month, day, hour, minute, second = ((octet & 15) * 10 + (octet >> 4) for octet in stamp[:6])
    quarters = (stamp[6] & 7) * 10 + (stamp[6] >> 4)
    zone = timezone(timedelta(minutes=15 * quarters) * (-1 if stamp[6] & 8 else 1))
    return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
