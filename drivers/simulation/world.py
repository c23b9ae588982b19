"""One believable village day: what every sensor would measure at a moment.

A pure function of seed, device and time: the same village every time it is asked, in whatever order. The shapes are
ours and only have to be believable (no document says how a village behaves); they stay inside the usual ranges of
``config/quantities.yaml`` so that what gets flagged in the demo is what a fault has broken, not the weather.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

HOUR_S = 3600.0
RAIN_EVERY = timedelta(hours=5)
RAIN_FIRST = timedelta(minutes=6)  # after the start: a short demo sees it too
RAIN_LASTS = timedelta(minutes=45)
RAIN_TOTAL_MM = 14.0
FULL_AT = 0.97  # the collector comes when a bin is this full


class World:
    """The village of one seed.

    Args:
        seed: Same seed, same village.
        start: Aware moment when its story begins; rain and emptying are told from there.
        utc_offset: Of the village's local time, for day and night.
        starts: Device -> quantity -> value at the start, instead of what the seed says; only ``fill`` [%].
    """

    def __init__(
        self,
        seed: int,
        start: datetime,
        utc_offset: timedelta = timedelta(hours=8),
        starts: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        self.seed = seed
        self.start = start
        self._offset = utc_offset
        self._starts = starts or {}

    def values(self, device: str, at: datetime) -> dict[str, float]:
        """Everything that could be measured at the place of a device, in the unit of each quantity."""
        hour = self._local_hour(at)
        age_h = (at - self.start).total_seconds() / HOUR_S
        found = self._air(device, at, hour)
        found |= self._water(device, at, hour)
        found |= self._soil(device, at, age_h)
        found |= self._house(device, at, hour, age_h)
        found["fill"] = found["fill_device"] = self.fill(device, at)
        found |= dict.fromkeys(("tipped", "bin_tilt", "lid_open", "full_alarm", "fire_alarm"), 0.0)
        found |= dict.fromkeys(("sensor_status", "count", "voltage"), 0.0)
        found["current_ma"] = 4 + 3.2 * found["water_depth"]  # a 4-20 mA probe of 5 m
        found["battery"] = max(1.0, round(100 - 40 * self._part(device, "battery") - age_h / 240))
        found["battery_v"] = round(3.3 + 0.3 * found["battery"] / 100, 3)
        found["rssi"] = round(-70 - 40 * self._part(device, "rssi") + 3 * self._noise(device, "rssi", at))
        found["snr"] = round(8 - 6 * self._part(device, "rssi") + self._noise(device, "snr", at), 1)
        found["link_quality"] = round(90 + 80 * self._part(device, "lqi"))
        return found

    def fill(self, device: str, at: datetime) -> float:
        """How full a bin is [%]: it fills over half a day, is emptied when full, and fills again."""
        hours_to_fill = 7 + 7 * self._part(device, "fill-speed")
        drawn = 100 * FULL_AT * self._part(device, "fill-start")
        at_start = self._starts.get(device, {}).get("fill", drawn)
        age_h = (at - self.start).total_seconds() / HOUR_S
        cycles = at_start / (100 * FULL_AT) + age_h / hours_to_fill
        return round(100 * FULL_AT * (cycles % 1.0), 1)

    def rain_total(self, at: datetime) -> float:
        """Rain since the start of the story [mm], in tips of 0.2 mm."""
        since = at - self.start - RAIN_FIRST
        whole, rest = divmod(since, RAIN_EVERY)
        if since < timedelta(0):
            return 0.0
        part = min(1.0, rest / RAIN_LASTS)
        amount = RAIN_TOTAL_MM * (whole + part * part * (3 - 2 * part))  # smooth begin and end
        return round(math.floor(amount / 0.2 + 1e-9) * 0.2, 1)

    def raining(self, at: datetime) -> float:
        """How hard it rains, 0 to 1."""
        since = at - self.start - RAIN_FIRST
        if since < timedelta(0):
            return 0.0
        part = (since % RAIN_EVERY) / RAIN_LASTS
        return 4 * part * (1 - part) if part < 1 else 0.0

    def _air(self, device: str, at: datetime, hour: float) -> dict[str, float]:
        rain = self.raining(at)
        sun = max(0.0, math.sin(math.pi * (hour - 5.5) / 13))
        temperature = 26 + 4.5 * _daily(hour, 14.5) - 2.5 * rain + 0.1 * self._noise(device, "air_temp", at)
        wind = 1.8 + 1.0 * _daily(hour, 15) + 2.5 * rain + 0.4 * abs(self._noise(device, "wind", at))
        total = self.rain_total(at)
        return {
            "air_temp": round(temperature, 1),
            "air_rh": round(min(99.0, 72 - 14 * _daily(hour, 14.5) + 18 * rain), 1),
            "air_pressure": round(1004.5 + 1.2 * _daily(hour, 10) - 1.5 * rain, 1),
            "wind_speed": round(wind, 1),
            "wind_gust": round(1.6 * wind, 1),
            "wind_dir": round((120 + 40 * _daily(hour, 12) + 5 * self._noise(device, "dir", at)) % 360, 0),
            "solar_radiation": round(850 * sun * (1 - 0.8 * rain)),
            "illuminance": round(90_000 * sun * (1 - 0.8 * rain)),
            "uv_index": round(9 * sun * (1 - 0.7 * rain), 1),
            "rain_total": total,
            "rain": round(total - self.rain_total(at - timedelta(minutes=10)), 1),
            "rain_rate": round(total - self.rain_total(at - timedelta(hours=1)), 1),
            "lightning_count": 0.0,
            "lightning_strikes": 0.0,
            "lightning_distance": 0.0,
            "vapor_pressure": round(22.0 + 2 * rain, 1),
            "pm25": round(28 + 6 * self._noise(device, "pm", at) - 10 * rain),
            "pm10": round(46 + 8 * self._noise(device, "pm", at) - 15 * rain),
            "noise": round(47 + 6 * sun + 6 * rain, 1),
            "co2": round(430 + 5 * self._noise(device, "co2", at)),
            "temperature": round(temperature + 1.5 * sun, 1),
        }

    def _water(self, device: str, at: datetime, hour: float) -> dict[str, float]:
        breath = _daily(hour, 15.5)  # algae give oxygen by day and take it by night
        wash = self._runoff(at)
        temperature = 24.5 + 1.6 * _daily(hour, 16.5) + 0.5 * self._part(device, "water")
        oxygen = 7.3 + 1.5 * breath - 0.8 * wash + 0.05 * self._noise(device, "do", at)
        level = 1.20 + 0.35 * wash + 0.02 * _daily(hour, 3) + 0.004 * self._noise(device, "level", at)
        acidity = 7.55 + 0.25 * breath + 0.02 * self._noise(device, "ph", at)
        conductivity = 330 + 40 * self._part(device, "ec") - 60 * wash + 2 * self._noise(device, "ec", at)
        return {
            "water_temp": round(temperature, 2),
            "ph": round(acidity, 2),
            "electrode_potential": round(-59.16 * (acidity - 7), 1),  # Nernst slope at 25 degC
            "blue_green_algae": round(3 + breath, 1),
            "do": round(oxygen, 2),
            "do_sat": round(100 * oxygen / (14.6 * math.exp(-0.0222 * temperature)), 1),
            "ec": round(conductivity),
            "tds": round(conductivity / 2),
            "salinity": round(conductivity * 0.55),
            "turbidity": round(9 + 55 * wash + 0.6 * abs(self._noise(device, "ntu", at)), 1),
            "suspended_solids": round(14 + 70 * wash, 1),
            "orp": round(215 + 25 * breath + 2 * self._noise(device, "orp", at)),
            "cod": round(14 + 6 * wash + 0.3 * self._noise(device, "cod", at), 1),
            "codmn": round(4 + 2 * wash, 1),
            "nh4_n": round(0.42 + 0.25 * wash - 0.1 * breath, 2),
            "chlorine": round(0.32 + 0.02 * self._noise(device, "cl", at), 2),
            "chlorophyll": round(11 + 3 * breath, 1),
            "water_level": round(level, 3),
            "water_depth": round(level, 3),
            "water_pressure": round(level * 98.0665, 1),  # hydrostatic: 1 m of water = 98.0665 hPa at 4 degC
            "water_flow": round(max(0.01, 0.4 * level**1.5), 3),
            "leak": 0.0,
        }

    def _soil(self, device: str, at: datetime, age_h: float) -> dict[str, float]:
        wet = self._runoff(at)
        moisture = 27 + 6 * self._part(device, "soil") + 7 * wet - 0.04 * age_h
        return {
            "soil_moisture": round(max(8.0, moisture + 0.15 * self._noise(device, "soil", at)), 2),
            "soil_temp": round(23.5 + 1.2 * _daily(self._local_hour(at), 17), 2),
            "soil_ec": round(420 + 60 * wet + 4 * self._noise(device, "soil_ec", at)),
            "soil_ph": round(6.3 + 0.5 * self._part(device, "soil_ph"), 1),
            "soil_n": round(38 + 8 * self._part(device, "n")),
            "soil_p": round(24 + 6 * self._part(device, "p")),
            "soil_k": round(115 + 20 * self._part(device, "k")),
            "soil_permittivity": round(12 + 0.4 * moisture, 1),
        }

    def _house(self, device: str, at: datetime, hour: float, age_h: float) -> dict[str, float]:
        sun = 0.015 * _daily(hour, 15)  # a wall in the sun leans a little and comes back (reference 6.2)
        drift = (0.0015 + 0.02 * self._part(device, "drift") ** 4) * age_h  # one house in some leans for real
        return {
            "tilt_x": round(0.20 * self._part(device, "x") + sun + drift, 4),
            "tilt_y": round(-0.30 * self._part(device, "y") + sun / 2, 4),
            "tilt_z": round(90 - 0.5 * self._part(device, "z"), 4),
            "tilt_alarm": 0.0,
            "acceleration_x": round(0.002 * self._noise(device, "ax", at), 4),
            "acceleration_y": round(0.002 * self._noise(device, "ay", at), 4),
            "acceleration_z": round(1.0 + 0.002 * self._noise(device, "az", at), 4),
            "vibration_x": round(0.3 + 0.1 * self._noise(device, "vx", at), 2),
            "vibration_y": round(0.3 + 0.1 * self._noise(device, "vy", at), 2),
            "vibration_z": round(0.3 + 0.1 * self._noise(device, "vz", at), 2),
            "crack_width": round(1.5 + self._part(device, "crack") + 0.002 * age_h, 2),
            "occupancy": 0.0,
            "contact": 1.0,
            "smoke": 0.0,
        }

    def _runoff(self, at: datetime) -> float:
        """What the rain of the last hours still does to ponds and river, 0 to about 1."""
        since = at - self.start - RAIN_FIRST
        if since < timedelta(0):
            return 0.0
        hours = (since % RAIN_EVERY) / timedelta(hours=1)
        rise = min(1.0, hours / 1.2)
        return rise * rise * (3 - 2 * rise) * math.exp(-max(0.0, hours - 1.2) / 1.2)

    def _local_hour(self, at: datetime) -> float:
        local = at + self._offset
        return local.hour + local.minute / 60 + local.second / 3600

    def _part(self, device: str, what: str) -> float:
        """A number of this device, 0 to 1, that never changes."""
        return _drawn(f"{self.seed}/{device}/{what}")

    def _noise(self, device: str, what: str, at: datetime) -> float:
        """Smooth noise, about -1 to 1: drawn each ten minutes, a straight line between."""
        step, rest = divmod(at.timestamp(), 600)
        name = f"{self.seed}/{device}/{what}"
        before, after = _drawn(f"{name}/{step:.0f}"), _drawn(f"{name}/{step + 1:.0f}")
        return 2 * (before + (after - before) * rest / 600) - 1


def value_of(values: Mapping[str, float], quantity: str) -> float | None:
    """A value by its quantity; the second of two, ``distance_2``, is like the first. ``None``: not measured here."""
    if quantity in values:
        return values[quantity]
    base, _, number = quantity.rpartition("_")
    return values.get(base) if number.isdigit() else None


def _daily(hour: float, highest: float) -> float:
    """A wave of one day, 1 at the hour when it is highest."""
    return math.cos(2 * math.pi * (hour - highest) / 24)


@lru_cache(maxsize=20_000)
def _drawn(name: str) -> float:
    return random.Random(name).random()  # noqa: S311 - a believable number, not a secret
