"""What every sink on the shelf must keep to; a new file is tested the moment it exists."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from gateway import plugins
from gateway.clock import ManualClock
from gateway.contracts import Entry, Sink, SinkContext
from gateway.errors import Unavailable
from gateway.files import parse_yaml
from gateway.model import Reading
from gateway.quantities import Quantities
from gateway.settings import Pace
from tests.servers import free_port

AT = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)


def needed(name: str, port: int) -> dict[str, object]:
    """Keys without a default; one line for a new sink that is not reached by url alone."""
    match name:
        case "influxdb":
            return {"url": f"http://127.0.0.1:{port}", "database": "village"}
        case "mqtt":
            return {"host": "127.0.0.1", "port": port}
        case _:
            return {"url": f"http://127.0.0.1:{port}"}


@pytest.fixture(params=plugins.names("sink"))
def module(request: pytest.FixtureRequest) -> ModuleType:
    return plugins.load("sink", request.param)


@pytest.fixture
def sink(module: ModuleType, tmp_path: Path, quantities: Quantities) -> Sink:
    name = module.__name__.rpartition(".")[2]
    settings = module.Settings(**needed(name, free_port()))
    built: Sink = module.Sink(
        settings, SinkContext("far", "liuhe", quantities, ManualClock(AT), tmp_path / "state")
    )
    return built


def test_its_settings_say_how_fast_it_is_fed(module: ModuleType) -> None:
    assert issubclass(module.Settings, Pace)
    assert module.__doc__


def test_an_absent_far_side_is_no_loss_and_the_check_names_the_step(sink: Sink) -> None:
    with pytest.raises(Unavailable, match="refused"):
        sink.send([Entry(1, Reading("bin-1/fill", 1.0, AT, AT))])
    *before, (step, words) = sink.check()
    assert all(outcome == "ok" for _, outcome in before)
    assert step
    assert "refused" in words
    assert "Traceback" not in words


def test_it_can_be_closed_twice_and_before_it_was_used(sink: Sink) -> None:
    sink.close()
    sink.close()
    with pytest.raises(Unavailable):
        sink.send([Entry(1, Reading("bin-1/fill", 1.0, AT, AT))])


def test_the_sinks_of_the_guide_are_sinks() -> None:
    guide = Path(__file__).parents[2] / "docs/forwarding.md"
    block = guide.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    sinks = parse_yaml(block.encode(), guide).data["sinks"]
    assert {"local", "cloud", "metrics"} == set(sinks)
    for settings in sinks.values():
        plugins.load("sink", settings.pop("type")).Settings.model_validate(settings)
