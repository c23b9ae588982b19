"""Weather and flood: rain sums, wind, rivers."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from dashboards.grafana.draw.parts import Pen

UID = "weather"


def draw(pen: Pen) -> dashboard.Dashboard:
    """What falls, what rises, what blows."""
    sheet = pen.sheet(UID)
    sheet = sheet.with_panel(pen.number("rain_sum", "weather", "rain", width=8, height=8, how="sum"))
    sheet = sheet.with_panel(pen.lines("rain", "weather", "rain", width=16, how="sum", bars=True))
    sheet = sheet.with_panel(pen.lines("water_level", "level", "water_level", width=24, height=10))
    sheet = sheet.with_panel(pen.lines("wind_speed", "weather", "wind_speed", width=8, rule="gale"))
    sheet = sheet.with_panel(pen.lines("wind_gust", "weather", "wind_gust", width=8, how="max", rule="gale"))
    sheet = sheet.with_panel(pen.lines("wind_dir", "weather", "wind_dir", width=8))
    sheet = sheet.with_panel(pen.lines("air_temp", "weather", "air_temp", width=8))
    sheet = sheet.with_panel(pen.lines("air_rh", "weather", "air_rh", width=8))
    sheet = sheet.with_panel(pen.lines("air_pressure", "weather", "air_pressure", width=8))
    sheet = sheet.with_row(pen.row("month"))
    sheet = sheet.with_panel(pen.months("water_level_month", "level", "water_level", part="max"))
    return pen.alerts_as_marks(sheet)
