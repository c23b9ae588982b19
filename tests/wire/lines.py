"""Far ends and devices for the tests of Modbus lines."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.catalogue import Catalogue, DeviceModel
from gateway.clock import Clock
from gateway.contracts import Context, Device, SourceHealth
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings


def model(name: str = "test-probe", **says: Any) -> DeviceModel:
    """A Modbus model with whatever a test needs; by default pH in register 0 and water temperature in 1."""
    whole: dict[str, Any] = {
        "model": name,
        "maker": "test",
        "title": {"en": name, "zh": name},
        "domain": "water",
        "wire": "modbus",
        "documents": [{"name": "test"}],
        "interval": "1s",
        "registers": {
            "ph": {"address": 0, "scale": 0.01},
            "water_temp": {"address": 1, "type": "int16", "scale": 0.1},
        },
        "readings": {"ph": {}, "water_temp": {}},
    }
    return DeviceModel.model_validate(whole | says)


def device(slug: str, of: DeviceModel, unit: int, period: timedelta | None = None) -> Device:
    return Device(slug, DeviceSettings(source="line", model=of.model, address=unit, period=period), of)


def context(
    devices: Iterable[Device], clock: Clock, quantities: Quantities, models: Iterable[DeviceModel] = ()
) -> Context:
    return Context(
        name="line",
        site="test",
        devices=tuple(devices),
        quantities=quantities,
        catalogue=Catalogue(models),
        clock=clock,
        health=SourceHealth(),
        state_dir=Path("/nonexistent"),
    )
