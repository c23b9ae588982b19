"""Dragino devices: fixed layouts, big-endian, the fPort says what a frame is.

::

    fPort 2    measurement; its layout is the model's (option ``layout``, drivers/decode/dragino_layouts.py)
    fPort 3    stored records of 11 bytes: 7 bytes of values, then unix seconds (u32)
    fPort 5    model(1) firmware(2) band(1) sub-band(1) battery(2, mV)
    fPort 10   measurement of the door and leak sensors

Source: dragino/dragino-end-node-decoder @e81cc58, folder of each model; TheThingsNetwork/lorawan-devices
vendor/dragino @14d51a2; manuals named in the catalogue files; reference 3.2.
"""

from __future__ import annotations

from datetime import UTC, datetime

from drivers.decode.dragino_layouts import DS18B20, MEASUREMENTS, Frame, Options, check_distance, judge_loop
from drivers.decode.sample import Sample
from gateway.errors import BadReply

EARLIEST = 1_420_070_400  # 2015-01-01: a stored record before that was written without a clock
RECORD = 11

RECORDS = {
    "distance": f"battery:u16/1000 distance:u16 ds18b20:i16/10{DS18B20} flags:u8",
    "radar": "battery:u16/1000 distance_1:u16?0=no_target distance_2:u16?0=no_target flags:u8",
    "loop": "probe:u8 range:u8 current:u16/1000 voltage:u16/1000 pins:u8",
    "lht65": f"external_temperature:i16/100{DS18B20} temperature:i16/100?7fff=no_probe humidity:u16/10 flags:u8",
    "lht52": f"external_temperature:i16/100{DS18B20} temperature:i16/100?7fff=no_probe humidity:u16/10 flags:u8",
}
"""Option ``layout`` -> the seven bytes of a stored record before its time."""


def decode(payload: bytes, port: int | None, options: Options) -> list[Sample]:
    """One sample of a measurement, or one for each stored record.

    Args:
        payload: One frame.
        port: See above.
        options: ``layout`` names an entry of ``MEASUREMENTS``; others belong to that layout.

    Raises:
        BadReply: A port or layout that is not known, or fewer bytes than tell anything.
    """
    name = str(options.get("layout", ""))
    if name not in MEASUREMENTS:
        raise BadReply(f"option layout: {name!r} is not known; known: {', '.join(sorted(MEASUREMENTS))}")
    if port == 5:
        return [_info(payload)]
    if port == 3:
        return _records(payload, name, options)
    if port != (10 if name == "door" else 2):
        raise BadReply(f"fPort {port} carries no measurement of this Dragino model")
    if len(payload) < 4:
        raise BadReply(f"{len(payload)} bytes are no measurement")
    frame = Frame(payload, options)
    MEASUREMENTS[name](frame)
    return [Sample(frame.found.values, missing=frame.found.missing, diagnostics=tuple(frame.diagnostics))]


def _records(payload: bytes, name: str, options: Options) -> list[Sample]:
    """Stored records; one without a believable time has no place and is only reported."""
    if name not in RECORDS:
        raise BadReply("stored records (fPort 3) of this model are not described")
    samples: list[Sample] = []
    words: list[str] = []
    for start in range(0, len(payload) - RECORD + 1, RECORD):
        frame = Frame(payload[start : start + 7], options)
        seconds = int.from_bytes(payload[start + 7 : start + RECORD], "big")
        if seconds < EARLIEST:
            words.append(f"device_clock: a stored record of second {seconds} was left out")
            continue
        frame.take(0, RECORDS[name])
        if name == "distance":
            check_distance(frame.found, "distance")
        if name == "loop":
            judge_loop(frame.found, frame.diagnostics)
        moment = datetime.fromtimestamp(seconds, UTC)
        found = frame.found
        samples.append(
            Sample(found.values, moment, found.missing, diagnostics=tuple(frame.diagnostics), backfill=True)
        )
    if len(payload) % RECORD:
        words.append(f"partial_decode: {len(payload) % RECORD} bytes are no whole record")
    return [Sample({}, diagnostics=tuple(words)), *samples] if words or not samples else samples


def _info(payload: bytes) -> Sample:
    if len(payload) < 7:
        raise BadReply(f"{len(payload)} bytes are no device information (7)")
    firmware = f"{payload[1] & 0x0F}.{payload[2] >> 4}.{payload[2] & 0x0F}"
    battery = int.from_bytes(payload[5:7], "big") / 1000
    said = (f"firmware: v{firmware}", f"hardware: model {payload[0]:02x}", f"band: {payload[3]}")
    return Sample({"battery": battery}, diagnostics=said)
