from __future__ import annotations

from pathlib import Path

from drivers.health import Driver, Settings
from gateway.catalogue import Catalogue
from gateway.clock import ManualClock
from gateway.contracts import Context, SourceHealth
from gateway.model import Reading
from gateway.quantities import Quantities


def driver(clock: ManualClock, quantities: Quantities, folder: Path) -> Driver:
    context = Context(
        name="health",
        site="demo",
        devices=(),
        quantities=quantities,
        catalogue=Catalogue([]),
        clock=clock,
        health=SourceHealth(),
        state_dir=folder / "not" / "yet",
        vitals=lambda: {"backlog": 7.0, "clock_trusted": 1.0, "no_such_quantity": 1.0},
    )
    return Driver(Settings(), context)


def test_one_look_tells_disk_memory_load_and_what_the_house_knows(
    clock: ManualClock, quantities: Quantities, tmp_path: Path
) -> None:
    found = {reading.series: reading.value for reading in driver(clock, quantities, tmp_path).look()}
    assert found["gateway/backlog"] == 7.0
    assert "gateway/no_such_quantity" not in found
    assert (found["gateway/disk_free"] or 0) > 0
    assert 0 <= (found["gateway/disk_used"] or 0) <= 100
    assert 1e6 < (found["gateway/memory_own"] or 0) < 1e10
    assert 0 < (found["gateway/memory_used"] or 0) < 100


async def test_it_looks_now_and_then_once_each_period(
    clock: ManualClock, quantities: Quantities, tmp_path: Path
) -> None:
    async with driver(clock, quantities, tmp_path) as own:
        deliveries = aiter(own.observations())
        first = await anext(deliveries)
        assert all(isinstance(item, Reading) and item.at == clock.now() for item in first.observations)
        assert first.receipt is None
