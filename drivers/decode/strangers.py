"""Who is that? The device models that fit what an unknown sender says, and the YAML that would admit him."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from drivers.decode import lorawan
from drivers.decode.messages import Heard
from drivers.decode.sample import readings_of
from gateway.catalogue import Catalogue, DeviceModel
from gateway.errors import BadReply
from gateway.model import split_series
from gateway.quantities import Quantities

MOST_OFFERED = 3

# First six digits of a DevEUI: the block that IEEE has given to the maker.
_MAKERS = {
    "24e124": "milesight",
    "a84041": "dragino",
    "a84040": "dragino",
    "a81758": "elsys",
    "00137a": "netvox",
    "2cf7f1": "sensecap",
}


def fitting(
    heard: Heard,
    catalogue: Catalogue,
    quantities: Quantities,
    received: datetime,
    catalogue_dirs: Sequence[Path] = (),
) -> list[str]:
    """Models that fit one message, best first.

    What counts: the name that the sender's side gives the model, the maker's block of the DevEUI, and whether the model
    makes believable values of the whole message.
    """
    scores: dict[str, float] = {}
    for model in catalogue.values():
        score = _by_name(heard.models, model, catalogue) + _by_maker(heard.address, model)
        if heard.uplink is not None:
            content = _by_bytes(heard, model, quantities, received, catalogue_dirs)
        else:
            content = _by_fields(heard, model, quantities, received)
        if content is not None and (content > 0 or score >= 10):
            scores[model.model] = score + content
    best = sorted(scores, key=lambda name: (-scores[name], name))
    return [name for name in best if scores[name] > 0][:MOST_OFFERED]


def admission(source: str, address: str, models: Sequence[str]) -> str:
    """The lines to paste under ``devices:``."""
    slug = re.sub(r"[^a-z0-9_.-]+", "-", address.lower()).strip("-._")[:60] or "new-device"
    lines = [f"  {slug}:", f"    source: {source}", f"    address: {_quoted(address)}"]
    if models:
        others = f"  # or {', '.join(models[1:])}" if models[1:] else ""
        lines.insert(1, f"    model: {models[0]}{others}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """Always in quotes: ``1234567890123456`` must stay a text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _by_name(names: Iterable[str], model: DeviceModel, catalogue: Catalogue) -> float:
    for name in names:
        if name in catalogue:
            return 20.0 if catalogue[name].model == model.model else 0.0
        if model.model in catalogue.nearest(name)[:1]:
            return 3.0
    return 0.0


def _by_maker(address: str, model: DeviceModel) -> float:
    maker = _MAKERS.get(address.lower()[:6]) if len(address) == 16 else None
    if maker is None:
        return 0.0
    return 5.0 if model.model.startswith(f"{maker}-") else -3.0


def _by_bytes(
    heard: Heard, model: DeviceModel, quantities: Quantities, received: datetime, dirs: Sequence[Path]
) -> float | None:
    uplink = heard.uplink
    if uplink is None or model.wire != "lorawan" or model.codec is not None:
        return None
    try:
        samples = lorawan.decode(model, uplink.payload, uplink.port or None, {}, catalogue_dirs=dirs)
    except BadReply:
        return None
    if not any(sample.fields for sample in samples):
        return None
    spoiled = any("partial_decode" in text for sample in samples for text in sample.diagnostics)
    usual_port = any(example.port == uplink.port for example in model.examples)
    readings = [
        reading for sample in samples[:1] for reading in readings_of("x", model, sample, received, quantities)
    ]
    believable = 0
    for reading in readings:
        gross = quantities[split_series(reading.series)[1]].checks.gross
        fine = reading.value is not None and (gross is None or gross[0] <= reading.value <= gross[1])
        believable += 1 if fine else -1
    coverage = len(readings) / len(model.readings)
    return believable + coverage + (1 if usual_port else 0) - (4 if spoiled else 0)


def _by_fields(heard: Heard, model: DeviceModel, quantities: Quantities, received: datetime) -> float | None:
    if model.wire != "json" or not heard.samples:
        return None
    readings = readings_of("x", model, heard.samples[0], received, quantities)
    return sum(1.0 if reading.value is not None else -1.0 for reading in readings)
