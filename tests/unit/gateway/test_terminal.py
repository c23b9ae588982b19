"""The live page: fits the screen, says what matters, in both languages."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from gateway import files
from gateway.latest import Latest
from gateway.model import Event, Flag, Reading
from gateway.quantities import Quantities
from gateway.site import load_site, load_words
from gateway.terminal import Lately, Page, Scene, in_seconds, spread
from tests.conftest import NOON

SITE = load_site(files.config_root() / "examples" / "demo")
STATUS: dict[str, Any] = {
    "sources": {"radio": {"state": "open"}, "probes": {"state": "lost"}},
    "quality": {"GOOD": 400, "SUSPECT": 3, "MISSING": 2},
    "journal": {"readings": 405, "waiting": 1, "bytes": 123_456},
    "bus": {"waiting": 0, "dropped": 0},
}


def _reading(series: str, value: float | None, flag: Flag = Flag.GOOD, by: str = "") -> Reading:
    return Reading(series, value, NOON, NOON, flag, by)


def _scene(latest: Latest | None = None, **changed: Any) -> Scene:
    known = latest or Latest(
        {
            reading.series: reading
            for reading in (
                _reading("bin-01/fill", 92.0),
                _reading("bin-02/fill", 35.0, Flag.SUSPECT, "spike"),
                _reading("river-bridge/water_level", None, Flag.MISSING, "no_target"),
                _reading("outlet-ph/ph", 7.37),
            )
        }
    )
    devices = tuple(SITE.devices.values())
    scene = Scene(
        name="山下村",
        devices=devices,
        status=STATUS,
        latest=known,
        now=NOON,
        zone=SITE.village.site.zone,
        village_time=NOON.astimezone(SITE.village.site.zone),
        speed=60,
        ages=dict.fromkeys((device.slug for device in devices), 1.0),
        address="http://127.0.0.1:8480",
    )
    return replace(scene, **changed)


def _drawn(
    scene: Scene,
    lately: Lately,
    quantities: Quantities,
    language: Any = "zh",
    size: tuple[int, int] = (80, 24),
) -> list[str]:
    console = Console(width=size[0], height=size[1], file=io.StringIO(), force_terminal=True, record=True)
    console.print(Page(load_words(language), quantities).draw(scene, lately, *size))
    return console.export_text().splitlines()


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (160, 50)])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_fits_the_screen(size: tuple[int, int], language: str, quantities: Quantities) -> None:
    lately = Lately()
    lately.look(_scene().latest)
    lines = _drawn(_scene(), lately, quantities, language, size)
    assert len(lines) <= size[1]
    assert max(cell_len(line) for line in lines) <= size[0]


def test_every_device_has_a_line_on_a_small_screen(quantities: Quantities) -> None:
    page = "\n".join(_drawn(_scene(), Lately(), quantities))
    beginnings = [device.settings.name[:5] for device in SITE.devices.values()]  # 12 cells, then an ellipsis
    assert [name for name in beginnings if name not in page] == []


def test_a_camera_that_sends_is_among_the_cameras(quantities: Quantities) -> None:
    camera = next(slug for slug, one in SITE.devices.items() if one.settings.source == "eyes")
    latest = Latest({one.series: one for one in [_reading(f"{camera}/camera_fps", 5.0)]})
    page = "\n".join(_drawn(_scene(latest), Lately(), quantities, "en"))
    assert "Cameras" in page
    assert SITE.devices[camera].settings.name[:5] in page.partition("Cameras")[2]


def test_values_carry_their_unit_and_their_flag_in_words(quantities: Quantities) -> None:
    page = "\n".join(_drawn(_scene(), Lately(), quantities, "en"))
    assert "92%" in page
    assert "35% doubtful" in page
    assert "no value" in page
    assert "pH 7.37" in page


def test_a_missing_value_leaves_the_last_one_readable(quantities: Quantities) -> None:
    latest = Latest()
    latest.note(_reading("river-bridge/water_level", 1.234))
    latest.note(
        replace(
            _reading("river-bridge/water_level", None, Flag.MISSING, "no_target"),
            at=NOON + timedelta(seconds=1),
        )
    )
    assert any("1.234 m no value" in line for line in _drawn(_scene(latest), Lately(), quantities, "en"))


def test_a_device_that_has_fallen_silent_says_so(quantities: Quantities) -> None:
    ages = dict.fromkeys(SITE.devices, 1.0) | {"bin-01": 61.0}
    del ages["bin-02"]
    lines = _drawn(_scene(ages=ages), Lately(), quantities, "en")
    assert any("村口1号桶" in line and "silent for 0:01:01" in line for line in lines)
    assert any("村口2号桶" in line and "not heard yet" in line for line in lines)


def test_a_lost_source_stands_out(quantities: Quantities) -> None:
    page = "\n".join(_drawn(_scene(), Lately(), quantities, "en"))
    assert "sources 1/2" in page
    assert "probes lost" in page


def test_lately_tells_each_change_once_and_why(quantities: Quantities) -> None:
    scene, lately = _scene(), Lately()
    for _ in range(3):
        lately.look(scene.latest)
    lately.happened(Event("bin-01", "emptied", NOON, NOON))
    assert len(lately.items) == 3
    page = "\n".join(_drawn(scene, lately, quantities, "en", (100, 40)))
    assert "12:00:00 村口1号桶 has been emptied" in page
    assert "村口2号桶 Fill level 35% doubtful sudden spike" in page
    assert "石桥水位 Water level no value sees no target" in page


def test_an_alert_is_told_with_how_bad_it_is_and_why(quantities: Quantities) -> None:
    lately = Lately()
    detail = {"rule": "bin-full", "from": "normal", "to": "firing", "severity": "blue", "reason": "fill 76 %"}
    lately.happened(Event("bin-01", "alert", NOON, NOON, detail=detail))
    page = "\n".join(_drawn(_scene(Latest()), lately, quantities, "zh", (100, 40)))
    assert "12:00:00 村口1号桶 蓝色 告警中 fill 76 %" in page


def test_what_does_not_fit_is_cut_and_counted() -> None:
    blocks = [[Text(str(line)) for line in range(9)], [Text("a")]]
    [long, short] = spread(blocks, 2, 5)
    assert [str(line) for line in long] == ["0", "1", "2", "3", "… +5"]
    assert [str(line) for line in short] == ["a"]


@pytest.mark.parametrize(("seconds", "said"), [(5.4, "5 s"), (61, "0:01:01")])
def test_ages_are_readable(seconds: float, said: str) -> None:
    assert in_seconds(seconds) == said
