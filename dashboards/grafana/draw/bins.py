"""垃圾桶满溢监控: how full, how fast, when emptied, and how well the sensors are."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from dashboards.grafana.draw.parts import Pen

UID = "bins"


def draw(pen: Pen) -> dashboard.Dashboard:
    """Bars as on the village board, then time."""
    sheet = pen.sheet(UID)
    sheet = sheet.with_panel(
        pen.bars("fill_now", "waste_bin", "fill", rule="bin-full", width=24, height=10, low=0, high=100)
    )
    sheet = sheet.with_panel(pen.lines("fill", "waste_bin", "fill", rule="bin-full", width=24, height=10))
    sheet = sheet.with_panel(pen.story("emptied", ["emptied"], ["confidence"], width=12))
    sheet = sheet.with_panel(pen.counts("emptied_per_day", ["emptied"], by="device"))
    sheet = sheet.with_row(pen.row("month"))
    sheet = sheet.with_panel(pen.months("fill_month", "waste_bin", "fill"))
    sheet = sheet.with_row(pen.row("sensors"))
    sheet = sheet.with_panel(pen.lines("distance", "waste_bin", "distance"))
    sheet = sheet.with_panel(
        pen.bars("battery_now", "device", "battery", rule="battery-low", low=0, high=100)
    )
    return pen.alerts_as_marks(sheet)
