"""What one series of a device says about all its others: the probe lies dry, the mast has been knocked."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.model import Flag
from gateway.quality import checks
from gateway.quantities import Checks

TESTIMONY = timedelta(hours=6)  # an older statement says nothing about now
HOUSING_SETTLES = timedelta(hours=24)  # what has stood elsewhere for a day stands there
HOUSING_LEARNS = 5  # readings of an angle until it is known where the mast stands
_WATER = "water"
_AIMED = frozenset(  # what a sensor measures by looking somewhere, or by standing upright
    {
        "distance",
        "fill",
        "water_level",
        "water_flow",
        "rain_total",
        "rain",
        "rain_rate",
        "wind_speed",
        "wind_gust",
        "wind_dir",
        "solar_radiation",
        "illuminance",
    }
)


class Witnesses:
    """The statements in force, by device."""

    def __init__(self) -> None:
        self._dry: dict[str, dict[str, tuple[datetime, bool]]] = {}
        self._housings: dict[str, dict[str, _Housing]] = {}

    def note(self, device: str, quantity: str, value: float, at: datetime, limits: Checks) -> None:
        """Hear a witness: a quantity with ``dry:`` or ``housing:`` among its checks."""
        if limits.dry is not None:
            known = self._dry.setdefault(device, {})
            if quantity not in known or not timedelta(0) < known[quantity][0] - at <= TESTIMONY:
                known[quantity] = (at, checks.out_of_water(value, limits.dry) is Flag.SUSPECT)
        if limits.housing:
            self._housings.setdefault(device, {}).setdefault(quantity, _Housing()).note(value, at)

    def complaint(
        self, device: str, quantity: str, measurement: str, at: datetime
    ) -> tuple[Flag, str] | None:
        """What the witnesses of a device hold against a reading of it."""
        dry = self._dry.get(device) if measurement == _WATER else None
        if dry and any(is_dry and abs(at - said_at) <= TESTIMONY for said_at, is_dry in dry.values()):
            return Flag.SUSPECT, "out_of_water"
        housings = self._housings.get(device)
        if (
            housings
            and quantity.rstrip("_0123456789") in _AIMED
            and any(one.moved for one in housings.values())
        ):
            return Flag.SUSPECT, "sensor_moved"
        return None


class _Housing:
    """Where an angle of a mast stands, and whether it still stands there."""

    __slots__ = ("_at", "_elsewhere", "_learning", "_since", "_usual", "moved")

    def __init__(self) -> None:
        self._learning: list[float] = []
        self._usual = 0.0
        self._elsewhere = 0.0
        self._since: datetime | None = None
        self._at: datetime | None = None
        self.moved = False

    def note(self, angle_deg: float, at: datetime) -> None:
        """Hear the angle; the first five say where it stands, a new place is believed after a day."""
        if self._at is not None and timedelta(0) <= self._at - at <= HOUSING_SETTLES:
            return
        self._at = at
        if len(self._learning) < HOUSING_LEARNS:
            self._learning.append(angle_deg)
            self._usual = checks.median(self._learning)
            return
        self.moved = checks.moved(angle_deg, self._usual) is Flag.SUSPECT
        if not self.moved:
            self._since = None
        elif self._since is None or checks.moved(angle_deg, self._elsewhere) is Flag.SUSPECT:
            self._since, self._elsewhere = at, angle_deg
        elif at - self._since >= HOUSING_SETTLES:
            self._usual, self._since, self.moved = self._elsewhere, None, False
