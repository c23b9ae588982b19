"""The whole village at a glance: what is wrong, the bins, the water, the houses, the weather, the box itself."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from dashboards.grafana.draw.parts import Pen

UID = "overview"


def draw(pen: Pen) -> dashboard.Dashboard:
    """Ten seconds are enough to see what needs somebody."""
    sheet = pen.sheet(UID)
    sheet = sheet.with_row(pen.row("now"))
    sheet = sheet.with_panel(
        pen.story(
            "alerts_now",
            ["alert"],
            ["severity_text", "rule_text", "target_text", "to_text", "reason_text"],
            width=16,
        )
    )
    sheet = sheet.with_panel(
        pen.counts(
            "events_by_kind",
            ["alert", "emptied", "fire", "thermal", "collision", "hit_and_run", "illegal_building"],
            width=8,
        )
    )
    sheet = sheet.with_row(pen.row("bins"))
    sheet = sheet.with_panel(pen.bars("fill_now", "waste_bin", "fill", rule="bin-full", low=0, high=100))
    sheet = sheet.with_panel(pen.lines("fill", "waste_bin", "fill", rule="bin-full"))
    sheet = sheet.with_row(pen.row("water_and_river"))
    sheet = sheet.with_panel(pen.bars("do_now", "water", "do", rule="water-do", width=8, low=0, high=15))
    sheet = sheet.with_panel(pen.bars("ph_now", "water", "ph", rule="", width=8, low=4, high=11))
    sheet = sheet.with_panel(pen.lines("water_level", "level", "water_level", width=8))
    sheet = sheet.with_row(pen.row("houses"))
    sheet = sheet.with_panel(
        pen.number("tilt_now", "structure", "tilt_permille", width=12, rule="tilt-change")
    )
    sheet = sheet.with_panel(pen.lines("tilt_delta", "structure", "tilt_delta"))
    sheet = sheet.with_row(pen.row("fields_and_weather"))
    sheet = sheet.with_panel(pen.number("soil_moisture_now", "soil", "soil_moisture", width=8))
    sheet = sheet.with_panel(pen.number("air_temp_now", "weather", "air_temp", width=8))
    sheet = sheet.with_panel(pen.number("rain_sum", "weather", "rain", width=8, how="sum"))
    sheet = sheet.with_row(pen.row("box"))
    sheet = sheet.with_panel(pen.number("backlog", "gateway", "backlog", width=6, rule="gateway-backlog"))
    sheet = sheet.with_panel(pen.number("disk_used", "gateway", "disk_used", width=6, rule="gateway-disk"))
    sheet = sheet.with_panel(pen.number("memory_own", "gateway", "memory_own", width=6))
    sheet = sheet.with_panel(pen.number("clock_trusted", "gateway", "clock_trusted", width=6))
    return pen.alerts_as_marks(sheet)
