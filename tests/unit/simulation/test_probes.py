"""Every Modbus model of the catalogue can be played: its map, read in both directions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drivers.decode.registers import sample_of, wanted_fields
from drivers.decode.sample import readings_of
from drivers.simulation.far_ends import MORNING
from drivers.simulation.probes import registers_of
from drivers.simulation.world import World, value_of
from gateway.catalogue import Catalogue
from gateway.quantities import Quantities
from gateway.site import load_catalogue, load_quantities
from gateway.units import convert

AT = MORNING + timedelta(hours=2)
MODELS = sorted(model.model for model in load_catalogue(load_quantities()).values() if model.wire == "modbus")


@pytest.mark.parametrize("name", MODELS)
def test_what_a_probe_shows_is_read_as_what_it_measured(
    name: str, catalogue: Catalogue, quantities: Quantities
) -> None:
    model = catalogue[name]
    values = World(7, MORNING).values("x", AT) | {"distance": 1500.0}
    own = model.serial.unit if model.serial else 1
    raw = {}
    for field in wanted_fields(model):
        register = model.registers[field]
        offset = 0 if register.unit is None else register.unit - own
        contents = registers_of(model, values, quantities, unit_offset=offset)
        raw[field] = tuple(contents[register.function, register.address + at] for at in range(register.width))
    readings = readings_of("x", model, sample_of(model, raw), AT, quantities)
    assert readings
    for reading in readings:
        quantity = reading.series.removeprefix("x/")
        meaning = model.readings[quantity]
        register = model.registers[meaning.field or quantity]
        unit = quantities[quantity].unit
        scale = 0.01 if register.decimals_from else register.scale
        step = abs(convert(scale, meaning.unit or unit, unit) - convert(0.0, meaning.unit or unit, unit))
        expected = value_of(values, quantity)
        assert expected is not None
        if meaning.span:
            expected = min(max(expected, meaning.span[0]), meaning.span[1])
        tolerance = 1e-4 * (1 + abs(expected)) if register.type.startswith("float") else 0.51 * step
        assert reading.value == pytest.approx(expected, abs=tolerance), quantity
