"""From register words to fields: 16 to 64 bits, every order, and never a made-up number.

::

    order   32 bit of words AB CD        64 bit of words AB CD EF GH
    ABCD    AB CD   high word first      ABCDEFGH
    CDAB    CD AB   low word first       GHEFCDAB
    BADC    BA DC   bytes swapped        BADCFEHG
    DCBA    DC BA   fully reversed       HGFEDCBA

Source: the orders as named by every Modbus tool; which device uses which stands in its catalogue file.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence

from drivers.decode.frames import Request, crc_fits, exception_words, find_rtu, request_of, words_of
from drivers.decode.plan import Frame, items_of, plan
from drivers.decode.sample import Sample
from gateway.catalogue import DeviceModel, Register
from gateway.errors import BadReply

MOST_DECIMALS = 9  # a decimals register above this is not one
Raw = tuple[int, ...] | str  # the words of a field, or the problem that stands in for them


def wanted_fields(model: DeviceModel) -> frozenset[str]:
    """The fields that become readings, and those needed to understand them."""
    fields = {meaning.field or quantity for quantity, meaning in model.readings.items()}
    helpers = {model.registers[name].decimals_from for name in fields}
    return frozenset(fields | {name for name in helpers if name is not None})


def sample_of(model: DeviceModel, raw: Mapping[str, Raw]) -> Sample:
    """What a device said in one poll.

    Args:
        model: Says how each field is read.
        raw: Field -> its words (bits for coils), or the problem why there are none.

    Returns:
        Every field of ``raw``; ``None`` with its reason where there is no value.
    """
    fields: dict[str, float | str | None] = {}
    missing: dict[str, str] = {}
    for name, words in raw.items():
        value: float | str | None
        if isinstance(words, str):
            value, why = None, words
        else:
            value, why = value_of(model.registers[name], words, model.order)
        helper = model.registers[name].decimals_from
        if value is not None and helper is not None:
            value, why = _shifted(value, raw.get(helper, "no_decimals"))
        fields[name] = value
        if value is None:
            missing[name] = why
    return Sample(fields, missing=missing)


def value_of(register: Register, words: Sequence[int], order: str = "ABCD") -> tuple[float | str | None, str]:
    """One field.

    Args:
        register: Its place and type; its own order comes before the model's.
        words: Exactly ``register.width`` of them.
        order: The model's.

    Returns:
        The value in the unit of the reading and an empty word, or ``None`` and why there is no value.
    """
    if len(words) != register.width:
        return None, "short_reply"
    if register.type == "bit":
        return float(words[0] >> (register.bit or 0) & 1), ""
    if register.type == "string":
        return _text(words, register.order or "ABCD")
    own = register.order or (order if register.width > 1 else "ABCD")
    raw, pattern, why = _number(ordered(words, own), register.type)
    if raw is None:
        return None, why
    for sentinel in (raw, pattern):
        if sentinel in register.missing:
            return None, register.missing[int(sentinel)]
    if register.scale == 1.0 and register.offset == 0.0:
        return float(raw), ""
    return round(raw * register.scale + register.offset, 9), ""  # 6 * 0.1 is 0.6, not 0.6000000000000001


def ordered(words: Sequence[int], order: str) -> bytes:
    """The bytes of some words, brought to "high byte first"."""
    if order in {"CDAB", "DCBA"}:
        words = list(reversed(words))
    swap = order in {"BADC", "DCBA"}
    return b"".join(word.to_bytes(2, "little" if swap else "big") for word in words)


def sample_of_reply(model: DeviceModel, reply: bytes, request: bytes | None = None) -> Sample:
    """What one whole RTU reply says, as an example in a catalogue file or ``village decode`` gives it.

    Args:
        model: Of the device.
        reply: Unit, function, data, checksum; an echo of the request or garbage may stand before it.
        request: The RTU request it answers. Without one, the reply is taken for the model's own request of the same
            function and length, if there is only one such.

    Raises:
        BadReply: The reply does not answer the request, is an exception, or its request must be named.
    """
    asked = request_of(request) if request else _guess(model, reply)
    look = find_rtu(reply, asked)
    if look.frame is None or look.problem:
        raise BadReply(exception_words(look.problem) if look.problem else "no reply to this request in it")
    words = words_of(look.frame[1:-2], asked)
    last = asked.address + len(words)
    raw: dict[str, Raw] = {}
    for item in items_of(model):
        other = item.unit is not None and item.unit != asked.unit
        if (
            item.function == asked.function
            and not other
            and asked.address <= item.address
            and item.end <= last
        ):
            frame = Frame(None, item.function, asked.address, len(words), (item,))
            raw.update(frame.cut(words))
    if not raw:
        raise BadReply(f"{model.model} lists no register at {asked}")
    return sample_of(model, raw)


def _guess(model: DeviceModel, reply: bytes) -> Request:
    if len(reply) < 5 or not crc_fits(reply):
        raise BadReply("not one whole RTU reply with a good checksum")
    unit, function, size = reply[0], reply[1], reply[2]
    if function & 0x80:
        raise BadReply(exception_words(f"exception_{size}"))
    lowest = min((item.address for item in items_of(model) if item.function == function), default=None)
    if lowest is None or function not in {3, 4} or size % 2:
        raise BadReply("name the request it answers (--request)")
    frames = [
        frame
        for frame in plan(items_of(model, wanted_fields(model)), model.limits, items_of(model))
        if frame.function == function and frame.count == size // 2
    ]
    if len(frames) > 1:
        raise BadReply(
            "several requests of this model have such a reply: name the one it answers (--request)"
        )
    return Request(unit, function, frames[0].start if frames else lowest, size // 2)


def _shifted(value: float | str, decimals: Raw) -> tuple[float | None, str]:
    if isinstance(value, str):
        return None, "not_a_number"
    if isinstance(decimals, str):
        return None, decimals
    places = decimals[-1] & 0xFF
    if places > MOST_DECIMALS:
        return None, "bad_decimals"
    return round(value / 10**places, 9), ""


def _number(data: bytes, kind: str) -> tuple[float | int | None, int, str]:
    """The number, its bit pattern, and why it is none."""
    pattern = int.from_bytes(data, "big")
    if kind.startswith("uint"):
        return pattern, pattern, ""
    if kind.startswith("int"):
        return int.from_bytes(data, "big", signed=True), pattern, ""
    if kind.startswith("bcd"):
        digits = data.hex()
        return (int(digits), pattern, "") if digits.isdigit() else (None, pattern, "not_bcd")
    number = struct.unpack(">f" if kind == "float32" else ">d", data)[0]
    if not math.isfinite(number):
        return None, pattern, "not_a_number"
    return (_shortest(number) if kind == "float32" else number), pattern, ""


def _shortest(number: float) -> float:
    """The shortest decimal that is still the same 32-bit float: 8.69, not 8.6899995803833."""
    packed = struct.pack(">f", number)
    for digits in (6, 7, 8):
        short = float(f"{number:.{digits}g}")
        if abs(short) < 3.4e38 and struct.pack(">f", short) == packed:
            return short
    return number


def _text(words: Sequence[int], order: str) -> tuple[str | None, str]:
    swap = order in {"BADC", "DCBA"}
    data = b"".join(word.to_bytes(2, "little" if swap else "big") for word in words)
    text = "".join(chr(byte) for byte in data if 0x20 <= byte < 0x7F).strip()
    return (text, "") if text else (None, "empty")
