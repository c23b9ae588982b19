"""危房监控: how far houses and walls have moved from the day they were surveyed."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from dashboards.grafana.draw.parts import Pen

UID = "structures"


def draw(pen: Pen) -> dashboard.Dashboard:
    """The change, its two directions, the month."""
    sheet = pen.sheet(UID, days="now-7d")
    sheet = sheet.with_panel(
        pen.number("tilt_now", "structure", "tilt_permille", width=24, height=5, rule="tilt-change")
    )
    sheet = sheet.with_panel(
        pen.lines("tilt_permille", "structure", "tilt_permille", width=24, height=10, rule="tilt-change")
    )
    sheet = sheet.with_panel(pen.lines("tilt_delta_x", "structure", "tilt_delta_x"))
    sheet = sheet.with_panel(pen.lines("tilt_delta_y", "structure", "tilt_delta_y"))
    sheet = sheet.with_row(pen.row("month"))
    sheet = sheet.with_panel(pen.months("tilt_month", "structure", "tilt_permille"))
    sheet = sheet.with_row(pen.row("sensors"))
    sheet = sheet.with_panel(pen.lines("tilt_raw", "structure", "tilt_x"))
    sheet = sheet.with_panel(pen.lines("device_temperature", "device", "temperature"))
    return pen.alerts_as_marks(sheet)
