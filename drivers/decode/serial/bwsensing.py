"""BWSENSING inclinometers: the 0x77 protocol they speak as delivered.

::

    77 | length | address      | command | data                          | sum
    77   11       00 00          84        x 4 | y 4 | reserved 4           49     BWM826, address of two bytes
    77   13       00 00 00 01    84        x 4 | y 4 | temperature 3 | battery 1   89     WM410, address of four
    length: bytes from itself to the sum; sum: low byte of the sum of everything between 0x77 and itself
    x, y:        packed decimal S XXX . YYYY degrees, S = 1 below zero
    temperature: packed decimal S XXX . YY degC            battery: 00 (empty) .. 09 (full)

Sources: BWM826 manual, section 2.3; WF-WM410 / WF-WK100 manual, p. 19-20.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.decode.sample import Sample
from gateway.errors import BadReply

HEAD = 0x77
ANGLES = 0x84  # the answer to command 0x04: all angles
BATTERY_STEPS = 9
_ADDRESS_BYTES = {"bwm826": 2, "wm410": 4}
_DATA_BYTES = {"bwm826": 12, "wm410": 12}


def decode(frame: bytes, options: Mapping[str, str | int | float | bool]) -> Sample:
    """What one reply says.

    Args:
        frame: From 0x77 to the sum.
        options: ``layout``: ``bwm826`` or ``wm410``.

    Raises:
        BadReply: Not a whole reply with angles.
    """
    layout = str(options.get("layout", ""))
    if layout not in _ADDRESS_BYTES:
        raise BadReply(f"unknown layout {layout!r}; known: {', '.join(_ADDRESS_BYTES)}")
    if len(frame) < 2 or frame[0] != HEAD:
        raise BadReply("a frame begins with 77")
    if frame[1] != len(frame) - 1:
        raise BadReply(f"the frame says {frame[1]} bytes follow 77 and has {len(frame) - 1}")
    if sum(frame[1:-1]) & 0xFF != frame[-1]:
        raise BadReply("the sum does not fit")
    command = 2 + _ADDRESS_BYTES[layout]
    data = frame[command + 1 : -1]
    if len(data) != _DATA_BYTES[layout] or frame[command] != ANGLES:
        raise BadReply("not an answer with angles (command 84)")
    fields: dict[str, float | str | None] = {"x": _decimal(data[:4], 4), "y": _decimal(data[4:8], 4)}
    if layout == "wm410":
        fields["temperature"] = _decimal(data[8:11], 2)
        steps = data[11]
        fields["battery"] = round(100 * steps / BATTERY_STEPS, 1) if steps <= BATTERY_STEPS else None
    missing = {name: "not_bcd" for name, value in fields.items() if value is None}
    return Sample(fields, missing=missing)


def _decimal(data: bytes, decimals: int) -> float | None:
    """Sign digit, then packed decimal digits; ``None`` when a digit is none."""
    digits = data.hex()
    if not digits.isdigit() or digits[0] not in "01":
        return None
    number = int(digits[1:]) / 10.0**decimals
    return -number if digits[0] == "1" else number
