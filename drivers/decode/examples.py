"""From one example of a catalogue file to samples, whatever the wire: the file's own test runs through here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from drivers.decode import lorawan, registers, serial
from drivers.decode.flat import flatten
from drivers.decode.sample import Sample
from gateway.catalogue import DeviceModel, Example
from gateway.errors import BadReply


def samples_of(model: DeviceModel, example: Example, catalogue_dirs: Sequence[Path] = ()) -> list[Sample]:
    """What the house makes of an example.

    Raises:
        BadReply: It cannot be decoded, or lacks what its wire needs.
    """
    if model.wire == "json":
        if not isinstance(example.json_payload, dict):
            raise BadReply("an example of a json device has json: with an object")
        return [Sample(flatten(example.json_payload))]
    if example.hex is None:
        raise BadReply(f"an example of a {model.wire} device has hex:")
    payload = bytes.fromhex(example.hex)
    if model.wire == "modbus":
        request = bytes.fromhex(example.request) if example.request else None
        return [registers.sample_of_reply(model, payload, request)]
    if model.wire == "serial":
        return [serial.decode(model, payload, example.options)]
    return lorawan.decode(model, payload, example.port, example.options, catalogue_dirs=tuple(catalogue_dirs))
