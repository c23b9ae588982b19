"""The gateway's own health: disk, warmth, memory, clock, backlog, and the batteries of all sensors."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from dashboards.grafana.draw.parts import Pen

UID = "health"


def draw(pen: Pen) -> dashboard.Dashboard:
    """Whether the other pages can be trusted."""
    sheet = pen.sheet(UID)
    sheet = sheet.with_panel(pen.number("backlog", "gateway", "backlog", width=6, rule="gateway-backlog"))
    sheet = sheet.with_panel(pen.number("disk_used", "gateway", "disk_used", width=6, rule="gateway-disk"))
    sheet = sheet.with_panel(pen.number("dropped", "gateway", "dropped", width=6))
    sheet = sheet.with_panel(pen.number("uptime", "gateway", "uptime", width=6))
    sheet = sheet.with_panel(pen.states("uplink", "gateway", "uplink", width=12))
    sheet = sheet.with_panel(pen.states("clock", "gateway", "clock_trusted", width=12))
    sheet = sheet.with_panel(pen.lines("backlog_line", "gateway", "backlog"))
    sheet = sheet.with_panel(pen.lines("disk_line", "gateway", "disk_used", rule="gateway-disk"))
    sheet = sheet.with_panel(pen.lines("cpu_load", "gateway", "cpu_load", width=8))
    sheet = sheet.with_panel(pen.lines("memory_line", "gateway", "memory_own", width=8))
    sheet = sheet.with_panel(pen.lines("memory_used", "gateway", "memory_used", width=8))
    sheet = sheet.with_row(pen.row("sensors"))
    sheet = sheet.with_panel(
        pen.bars("battery_now", "device", "battery", rule="battery-low", width=24, height=10, low=0, high=100)
    )
    sheet = sheet.with_panel(pen.lines("rssi", "device", "rssi"))
    sheet = sheet.with_panel(pen.lines("snr", "device", "snr"))
    return pen.alerts_as_marks(sheet)
