"""高空巡查: what cameras reported, and whether they see at all."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from dashboards.grafana.draw.parts import Pen

UID = "cameras"
SEEN = ["fire", "smoke", "thermal", "collision", "hit_and_run", "illegal_building", "fire_lane_blocked"]
FAULTS = ["camera_blind", "camera_covered", "camera_moved", "camera_frozen", "camera_back"]


def draw(pen: Pen) -> dashboard.Dashboard:
    """Events as marks, bars and rows; the pictures themselves stay on the box."""
    sheet = pen.sheet(UID, days="now-7d")
    sheet = sheet.with_panel(pen.counts("seen", SEEN, width=12))
    sheet = sheet.with_panel(pen.counts("seen_by_camera", SEEN, width=12, by="device"))
    sheet = sheet.with_panel(pen.story("sightings", SEEN, ["confidence", "zone_text", "evidence"], height=10))
    sheet = sheet.with_row(pen.row("sight"))
    sheet = sheet.with_panel(pen.lines("camera_age", "camera", "camera_age"))
    sheet = sheet.with_panel(pen.lines("camera_fps", "camera", "camera_fps"))
    sheet = sheet.with_panel(pen.events_over_time("camera_faults", FAULTS))
    sheet = sheet.with_panel(pen.story("camera_story", FAULTS, ["confidence"]))
    return pen.alerts_as_marks(sheet)
