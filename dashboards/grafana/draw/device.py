"""One device, everything it measures: choose it above."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from dashboards.grafana.draw.parts import Pen

UID = "device"
_SHOWN = (
    ("fill", "waste_bin", "fill"),
    ("distance", "waste_bin", "distance"),
    ("do", "water", "do"),
    ("ph", "water", "ph"),
    ("water_temp", "water", "water_temp"),
    ("turbidity", "water", "turbidity"),
    ("ec", "water", "ec"),
    ("water_level", "level", "water_level"),
    ("tilt_permille", "structure", "tilt_permille"),
    ("tilt_raw", "structure", "tilt_x"),
    ("soil_moisture", "soil", "soil_moisture"),
    ("soil_temp", "soil", "soil_temp"),
    ("air_temp", "weather", "air_temp"),
    ("air_rh", "weather", "air_rh"),
    ("rain", "weather", "rain"),
    ("wind_speed", "weather", "wind_speed"),
)


def draw(pen: Pen) -> dashboard.Dashboard:
    """What a device does not measure stays empty and says so."""
    sheet = pen.sheet(UID, days="now-7d", one=True)
    sheet = sheet.with_panel(
        pen.story(
            "device_alerts", ["alert"], ["severity_text", "rule_text", "to_text", "reason_text"], width=12
        )
    )
    sheet = sheet.with_panel(pen.lines("battery", "device", "battery", width=6, rule="battery-low"))
    sheet = sheet.with_panel(pen.lines("rssi", "device", "rssi", width=6))
    for key, measurement, quantity in _SHOWN:
        how = "sum" if quantity == "rain" else "mean"
        sheet = sheet.with_panel(pen.lines(key, measurement, quantity, how=how, bars=quantity == "rain"))
    return pen.alerts_as_marks(sheet)
