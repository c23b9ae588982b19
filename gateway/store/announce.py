"""How Home Assistant is told of a series: its discovery message.

Source: reference devices-and-limits 2.6; Home Assistant, MQTT integration and the lists of device classes and units.
"""

from __future__ import annotations

import re
from typing import Any

from gateway.model import split_series
from gateway.quantities import Quantity

# Quantity -> device class; only where Home Assistant knows the class and takes our unit with it.
_CLASSES = {
    "air_temp": "temperature",
    "water_temp": "temperature",
    "soil_temp": "temperature",
    "temperature": "temperature",
    "cpu_temp": "temperature",
    "air_rh": "humidity",
    "soil_moisture": "moisture",
    "air_pressure": "atmospheric_pressure",
    "water_pressure": "pressure",
    "distance": "distance",
    "water_level": "distance",
    "water_depth": "distance",
    "battery": "battery",
    "battery_v": "voltage",
    "voltage": "voltage",
    "current_ma": "current",
    "rssi": "signal_strength",
    "snr": "signal_strength",
    "illuminance": "illuminance",
    "wind_speed": "wind_speed",
    "wind_gust": "wind_speed",
    "wind_dir": "wind_direction",
    "solar_radiation": "irradiance",
    "rain": "precipitation",
    "rain_total": "precipitation",
    "co2": "carbon_dioxide",
    "pm25": "pm25",
    "pm10": "pm10",
    "ph": "ph",
    "ec": "conductivity",
    "soil_ec": "conductivity",
    "noise": "sound_pressure",
}
_STATES = {  # quantity -> device class of a binary sensor, and the value that is "on" there
    "leak": ("moisture", 1),
    "smoke": ("smoke", 1),
    "occupancy": ("occupancy", 1),
    "online": ("connectivity", 1),
    "contact": ("door", 0),  # 1 = closed, and Home Assistant calls an open door "on"
    "lid_open": ("opening", 1),
    "tilt_alarm": ("problem", 1),
    "tipped": ("problem", 1),
}
_UNITS = {
    "degC": "°C",
    "deg": "°",
    "uS/cm": "µS/cm",
    "ug/m3": "µg/m³",
    "ug/L": "µg/L",
    "W/m2": "W/m²",
    "m3/s": "m³/s",
    "permille": "‰",
    "byte": "B",
    "pH": None,  # the class says it
    "1": None,
}


def discovery_topic(prefix: str, site: str, device: str, quantity: str) -> str:
    """Where a series is announced."""
    component = "binary_sensor" if quantity in _STATES else "sensor"
    return f"{prefix}/{component}/{_plain(f'village_{site}_{device}')}/{_plain(quantity)}/config"


def announcement(root: str, site: str, series: str, quantity: Quantity) -> dict[str, Any]:
    """What is said of a series.

    Args:
        root: The topics of this site: ``<prefix>/<site>``.
        site: Slug of the site.
        series: ``device/quantity``.
        quantity: Unit, kind and name.
    """
    device, name = split_series(series)
    body: dict[str, Any] = {
        "name": quantity.en,
        "unique_id": _plain(f"village_{site}_{device}_{name}"),
        "state_topic": f"{root}/{series}",
        "value_template": "{{ value_json.value }}",
        "availability": [{"topic": f"{root}/status"}],
        "device": {
            "identifiers": [_plain(f"village_{site}_{device}")],
            "name": device,
            "manufacturer": "village-gateway",
        },
    }
    if name in _STATES:
        device_class, on = _STATES[name]
        body |= {
            "device_class": device_class,
            "payload_on": f"{float(on)}",
            "payload_off": f"{float(1 - on)}",
        }
        return body
    classes = {"counter": "total_increasing"}
    body["state_class"] = (
        "measurement_angle" if name == "wind_dir" else classes.get(quantity.kind, "measurement")
    )
    body["suggested_display_precision"] = quantity.digits
    unit = _UNITS.get(quantity.unit, quantity.unit)
    if unit is not None:
        body["unit_of_measurement"] = unit
    if name in _CLASSES:
        body["device_class"] = _CLASSES[name]
    return body


def _plain(text: str) -> str:
    """Home Assistant takes letters, digits, ``_`` and ``-`` in an id."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", text)
