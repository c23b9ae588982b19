"""智慧农业: soil and air of the fields."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from dashboards.grafana.draw.parts import Pen

UID = "agriculture"


def draw(pen: Pen) -> dashboard.Dashboard:
    """Water first, then warmth, then what the probe derives."""
    sheet = pen.sheet(UID, days="now-7d")
    sheet = sheet.with_panel(
        pen.bars("soil_moisture_bars", "soil", "soil_moisture", rule="soil-dry", width=8, low=0, high=70)
    )
    sheet = sheet.with_panel(pen.lines("soil_moisture", "soil", "soil_moisture", width=16, rule="soil-dry"))
    sheet = sheet.with_panel(pen.lines("soil_temp", "soil", "soil_temp", width=12))
    sheet = sheet.with_panel(pen.lines("soil_ec", "soil", "soil_ec", width=12))
    sheet = sheet.with_panel(pen.lines("air_temp", "weather", "air_temp", width=12, rule="frost"))
    sheet = sheet.with_panel(pen.lines("air_rh", "weather", "air_rh", width=12))
    sheet = sheet.with_row(pen.row("month"))
    sheet = sheet.with_panel(pen.months("soil_moisture_month", "soil", "soil_moisture"))
    return pen.alerts_as_marks(sheet)
