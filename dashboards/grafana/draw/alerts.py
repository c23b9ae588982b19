"""Alerts and how fast people answered."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from dashboards.grafana.draw.parts import Pen

UID = "alerts"
_FIRING = " AND \"to_text\" = 'firing'"


def draw(pen: Pen) -> dashboard.Dashboard:
    """How many, of what, and how long until somebody had it."""
    sheet = pen.sheet(UID, days="now-7d")
    sheet = sheet.with_panel(pen.counts("alerts_by_device", ["alert"], width=24, by="device", also=_FIRING))
    sheet = sheet.with_panel(
        pen.story(
            "alerts_all",
            ["alert"],
            ["severity_text", "rule_text", "target_text", "from_text", "to_text", "value", "reason_text"],
            height=12,
        )
    )
    sheet = sheet.with_row(pen.row("answers"))
    sheet = sheet.with_panel(pen.waits("time_to_answer", "alert_acknowledged", "after_s"))
    sheet = sheet.with_panel(
        pen.story(
            "answers", ["alert_acknowledged"], ["by_text", "rule_text", "target_text", "after_s"], width=12
        )
    )
    return pen.alerts_as_marks(sheet)
