"""Units and how to get from one to another: linear, named once, no surprises.

The names are ASCII (``degC``, ``uS/cm``) because they stand in YAML and in database fields; people see
what :func:`spelled` makes of them.
"""

from __future__ import annotations

# unit -> (dimension, factor, offset): base = value * factor + offset
_UNITS: dict[str, tuple[str, float, float]] = {
    "1": ("number", 1.0, 0.0),
    "mm": ("length", 0.001, 0.0),
    "cm": ("length", 0.01, 0.0),
    "dm": ("length", 0.1, 0.0),
    "m": ("length", 1.0, 0.0),
    "km": ("length", 1000.0, 0.0),
    "inch": ("length", 0.0254, 0.0),
    "ft": ("length", 0.3048, 0.0),
    "mmH2O": ("length", 0.001, 0.0),
    "%": ("ratio", 0.01, 0.0),
    "fraction": ("ratio", 1.0, 0.0),
    "permille": ("slope", 1.0, 0.0),
    "mm/m": ("slope", 1.0, 0.0),
    "deg": ("angle", 1.0, 0.0),
    "rad": ("angle", 57.29577951308232, 0.0),
    "mrad": ("angle", 0.05729577951308232, 0.0),
    "degC": ("temperature", 1.0, 0.0),
    "degF": ("temperature", 5 / 9, -160 / 9),
    "K": ("temperature", 1.0, -273.15),
    "mg/L": ("concentration", 1.0, 0.0),
    "g/L": ("concentration", 1000.0, 0.0),
    "ug/L": ("concentration", 0.001, 0.0),
    "ppm": ("concentration", 1.0, 0.0),
    "mg/kg": ("mass ratio", 1.0, 0.0),
    "uS/cm": ("conductivity", 1.0, 0.0),
    "mS/cm": ("conductivity", 1000.0, 0.0),
    "dS/m": ("conductivity", 1000.0, 0.0),
    "S/m": ("conductivity", 10000.0, 0.0),
    "mS/m": ("conductivity", 10.0, 0.0),
    "NTU": ("turbidity", 1.0, 0.0),
    "FNU": ("turbidity", 1.0, 0.0),  # same number for alert purposes
    "FTU": ("turbidity", 1.0, 0.0),
    "pH": ("pH", 1.0, 0.0),
    "mV": ("voltage", 0.001, 0.0),
    "V": ("voltage", 1.0, 0.0),
    "mA": ("current", 0.001, 0.0),
    "A": ("current", 1.0, 0.0),
    "Pa": ("pressure", 0.01, 0.0),
    "hPa": ("pressure", 1.0, 0.0),
    "mbar": ("pressure", 1.0, 0.0),
    "kPa": ("pressure", 10.0, 0.0),
    "bar": ("pressure", 1000.0, 0.0),
    "MPa": ("pressure", 10000.0, 0.0),
    "m/s": ("speed", 1.0, 0.0),
    "mm/s": ("speed", 0.001, 0.0),
    "km/h": ("speed", 1 / 3.6, 0.0),
    "mph": ("speed", 0.44704, 0.0),
    "knot": ("speed", 1852 / 3600, 0.0),
    "W/m2": ("irradiance", 1.0, 0.0),
    "lx": ("illuminance", 1.0, 0.0),
    "klx": ("illuminance", 1000.0, 0.0),
    "dB": ("level", 1.0, 0.0),
    "dBm": ("power level", 1.0, 0.0),
    "ug/m3": ("dust", 1.0, 0.0),
    "g": ("acceleration", 1.0, 0.0),
    "mg": ("acceleration", 0.001, 0.0),
    "m/s2": ("acceleration", 1 / 9.80665, 0.0),
    "s": ("time", 1.0, 0.0),
    "ms": ("time", 0.001, 0.0),
    "min": ("time", 60.0, 0.0),
    "h": ("time", 3600.0, 0.0),
    "byte": ("data", 1.0, 0.0),
    "kB": ("data", 1000.0, 0.0),
    "MB": ("data", 1e6, 0.0),
    "GB": ("data", 1e9, 0.0),
    "Hz": ("frequency", 1.0, 0.0),
    "m3/s": ("flow", 1.0, 0.0),
    "L/s": ("flow", 0.001, 0.0),
    "L/min": ("flow", 0.001 / 60, 0.0),
    "m3/h": ("flow", 1 / 3600, 0.0),
    "um/m": ("strain", 1.0, 0.0),
    "kN": ("force", 1.0, 0.0),
}

UNITS = tuple(_UNITS)

_SPELLING = {
    "1": "",
    "pH": "",  # has no unit: the number is the whole word
    "deg": "°",
    "degC": "°C",
    "degF": "°F",
    "uS/cm": "µS/cm",
    "ug/L": "µg/L",
    "ug/m3": "µg/m³",
    "m3/s": "m³/s",
    "m3/h": "m³/h",
    "W/m2": "W/m²",
    "m/s2": "m/s²",
    "um/m": "µm/m",
    "permille": "‰",
}


def spelled(unit: str) -> str:
    """A unit as people read it; empty for a bare number."""
    return _SPELLING.get(unit, unit)


def convert(value: float, unit: str, to: str) -> float:
    """The same amount in another unit.

    Raises:
        ValueError: A unit is unknown, or the two measure different things.
    """
    if unit == to:
        return value
    check_convertible(unit, to)
    _, factor, offset = _UNITS[unit]
    _, to_factor, to_offset = _UNITS[to]
    converted = (value * factor + offset - to_offset) / to_factor
    return round(converted, 9)  # 21.46 degC must not become 21.460000000000036


def check_convertible(unit: str, to: str) -> None:
    """Raise ValueError, in words, unless the one can be turned into the other."""
    for name in (unit, to):
        if name not in _UNITS:
            raise ValueError(f"unknown unit {name!r}; known: {', '.join(UNITS)}")
    if _UNITS[unit][0] != _UNITS[to][0]:
        raise ValueError(f"{unit} measures {_UNITS[unit][0]}, {to} measures {_UNITS[to][0]}")
