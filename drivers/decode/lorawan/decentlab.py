"""Decentlab: one block scheme for all models, one table per model.

::

    byte  0     1..2        3..4    5..                          last 2
          02    device id   flags   words of the probe (bit 0)   battery mV (bit 1)

Everything is big-endian; a word is 16 bits. Words that can be negative carry 32768 for zero, so a raw 0 in such a word
is not a measurement: it is what the logger sends for a probe it could not read (-327.68 degC). A frame without the
probe's block (flags 0x0002) says the same of all of its values.

Sources: Decentlab decoders (github decentlab/decentlab-decoders, 2025-11-14), one file per model; the layouts are also
in TheThingsNetwork/lorawan-devices ``vendor/decentlab``. DL-LID2: word 9 counts the valid samples, word 11 all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from drivers.decode.decentlab_models import MODELS, Word
from drivers.decode.sample import Sample
from gateway.errors import BadReply

Options = Mapping[str, str | int | float | bool]

VERSION = 2
HEADER = 5  # version, device id, flags
PROBE, BATTERY = 0x0001, 0x0002
NOT_READ = "read_failure"
TILTED_DEG = 5.0  # a mast further from upright than this was moved (reference 8.3 "sensor moved")


def decode(payload: bytes, port: int | None, options: Options) -> list[Sample]:
    """What one uplink says.

    Args:
        payload: The decrypted bytes.
        port: Not used by Decentlab.
        options: ``model`` picks the table; ``resolution_mm`` (DL-TBRG), ``p_min_bar`` and ``p_max_bar`` (DL-PR21,
            DL-PR26), ``kp`` (DL-PR36).

    Raises:
        BadReply: Too short, another protocol version, or a model without a table.
    """
    del port  # the maker's devices use 1, but nothing in the scheme depends on it
    length, words = _table(options)
    if len(payload) < HEADER:
        raise BadReply(f"{len(payload)} bytes; a Decentlab frame has at least {HEADER}")
    if payload[0] != VERSION:
        raise BadReply(f"protocol version {payload[0]}; only version {VERSION} is known")
    flags = int.from_bytes(payload[3:5], "big")
    rest = payload[HEADER:]
    found = _Found()
    if not flags & PROBE:
        found.nothing([word.field for word in words], NOT_READ)
    elif len(rest) < length * 2:
        found.partial(f"the probe's block has {length} words, {len(rest) // 2} arrived")
        rest = b""
    else:
        found.probe(
            [int.from_bytes(rest[at : at + 2], "big") for at in range(0, length * 2, 2)], words, options
        )
        rest = rest[length * 2 :]
    if flags & BATTERY and len(rest) >= 2:
        found.fields["battery"] = int.from_bytes(rest[:2], "big") / 1000
        rest = rest[2:]
    elif flags & BATTERY:
        found.partial("the battery's word is cut off")
    if flags & ~(PROBE | BATTERY):
        found.partial(f"flags 0x{flags:04x} announce blocks that are not in the table")
    elif rest:
        found.partial(f"{len(rest)} bytes after the last block")
    if not found.fields:
        raise BadReply("; ".join(found.diagnostics) or "no block in this frame")
    return [found.sample()]


def _table(options: Options) -> tuple[int, tuple[Word, ...]]:
    name = str(options.get("model", ""))
    if name not in MODELS:
        close = ", ".join(get_close_matches(name, MODELS, 3)) or ", ".join(MODELS)
        raise BadReply(f"no Decentlab table is called {name!r}; known: {close}")
    return MODELS[name]


class _Found:
    """What has been read of a frame so far."""

    def __init__(self) -> None:
        self.fields: dict[str, float | str | None] = {}
        self.missing: dict[str, str] = {}
        self.suspect: dict[str, str] = {}
        self.diagnostics: list[str] = []

    def probe(self, raws: list[int], words: tuple[Word, ...], options: Options) -> None:
        """Read the probe's block: no value where it was not read, doubt where it doubts itself."""
        marks = [raws[word.at] for word in words if word.zero_is_missing]
        if marks and not any(marks):  # also the words that may be 0 would be made up
            self.nothing([word.field for word in words], NOT_READ)
            return
        for word in words:
            raw = raws[word.at] + (raws[word.at + 1] << 16 if word.long else 0)
            if raw == 0 and word.zero_is_missing:
                self.nothing([word.field], NOT_READ)
            else:
                self.fields[word.field] = word.value(raw, options)
        if self.fields.get("valid_samples") == 0:
            self.nothing([name for name in self.fields if name.startswith("distance")], "no_target")
        self._doubts()

    def nothing(self, names: list[str], why: str) -> None:
        """The device says that it has no value for these."""
        for name in names:
            self.fields[name] = None
            self.missing[name] = why
        if why not in self.diagnostics:
            self.diagnostics.append(why)

    def partial(self, what: str) -> None:
        """Some bytes could not be understood; the others stand."""
        self.diagnostics.append(f"partial_decode: {what}")

    def sample(self) -> Sample:
        """All of it."""
        return Sample(self.fields, None, self.missing, self.suspect, tuple(self.diagnostics))

    def _doubts(self) -> None:
        status, freezing = self.fields.get("status"), self.fields.get("freezing")
        if status:
            self._doubt("sensor_status", list(self.fields))
            self.diagnostics.append(f"sensor_status: {status:g}")
        if freezing:
            self._doubt("freezing", ["water_depth", "electrical_conductivity"])
            self.diagnostics.append("freezing: the probe reports ice")
        x, y = self.fields.get("tilt_x"), self.fields.get("tilt_y")
        if isinstance(x, float) and isinstance(y, float) and max(abs(x), abs(y)) > TILTED_DEG:
            rain_and_wind = ("wind", "north", "east", "maximum_wind", "precipitation", "cumulative", "solar")
            self._doubt("mast_tilted", [name for name in self.fields if name.startswith(rain_and_wind)])
            self.diagnostics.append(f"mast_tilted: x {x:g} deg, y {y:g} deg from upright")

    def _doubt(self, why: str, names: list[str]) -> None:
        self.suspect |= {name: why for name in names if self.fields.get(name) is not None}
