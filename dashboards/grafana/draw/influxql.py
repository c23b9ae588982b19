"""Questions in InfluxQL, in the part that InfluxDB 1.x, 2.x (DBRP) and 3 Core share.

No subqueries, no regular expressions for names of fields or measurements, no INTO (storage-and-dashboards 3.2).

What a person has chosen stands in every question: ``site`` and ``device`` may be several, ``cell`` is a list of devices
that a site fills in. ``:regex`` and ``:raw`` say how Grafana writes a choice, whatever its defaults are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.cog import builder, variants

SOURCE = {"type": "influxdb", "uid": "${source}"}
WHERE = (
    '"site" =~ /^${site:regex}$/ AND "device" =~ /^${device:regex}$/'
    ' AND "device" =~ /^(${cell:raw})$/ AND $timeFilter'
)
LAST_FLAG = 4  # FAIL: from here on a value is wrong or absent (QARTOD)


class InfluxQL(variants.Dataquery):
    """One question, as Grafana's InfluxDB data source stores it."""

    def __init__(self, query: str, ref: str, *, alias: str = "", shape: str = "time_series") -> None:
        self.query = query
        self.ref = ref
        self.alias = alias
        self.shape = shape

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        named = {"alias": self.alias} if self.alias else {}
        return {
            "datasource": SOURCE,
            "query": self.query,
            "rawQuery": True,
            "refId": self.ref,
            "resultFormat": self.shape,
            **named,
        }


class Ask(builder.Builder[variants.Dataquery]):
    """The builder that the package asks for around a question."""

    def __init__(self, query: str, ref: str = "A", *, alias: str = "", shape: str = "time_series") -> None:
        self._query = InfluxQL(query, ref, alias=alias, shape=shape)

    def build(self) -> variants.Dataquery:
        """The question itself."""
        return self._query


def trend(measurement: str, quantity: str, *, how: str = "mean") -> str:
    """A quantity over time, a line for each device; what is certainly wrong is left out."""
    return (
        f'SELECT {how}("{quantity}") FROM "{measurement}" WHERE {WHERE} AND "{quantity}_q" < {LAST_FLAG}'
        ' GROUP BY time($__interval), "device" fill(null)'
    )


def newest(measurement: str, quantity: str) -> str:
    """The last usable value of each device."""
    return (
        f'SELECT last("{quantity}") FROM "{measurement}" WHERE {WHERE} AND "{quantity}_q" < {LAST_FLAG}'
        ' GROUP BY "device"'
    )


def whole(measurement: str, quantity: str, *, how: str = "sum") -> str:
    """One number for each device over all of the time shown."""
    return (
        f'SELECT {how}("{quantity}") FROM "{measurement}" WHERE {WHERE} AND "{quantity}_q" < {LAST_FLAG}'
        ' GROUP BY "device"'
    )


def hourly(measurement: str, quantity: str, part: str = "mean") -> str:
    """A quantity over months, from the hourly roll-ups that the gateway makes itself."""
    how = {"mean": "mean", "max": "max", "min": "min"}[part]
    return (
        f'SELECT {how}("{quantity}_{part}") FROM "{measurement}_1h" WHERE {WHERE}'
        ' GROUP BY time($__interval), "device" fill(null)'
    )


def happened(kinds: Sequence[str], fields: Sequence[str], *, also: str = "", most: int = 200) -> str:
    """Events as rows, the newest first."""
    chosen = " OR ".join(f"\"kind\" = '{kind}'" for kind in kinds)
    columns = ", ".join(f'"{name}"' for name in fields)
    return f'SELECT {columns} FROM "event" WHERE ({chosen}) AND {WHERE}{also} ORDER BY time DESC LIMIT {most}'


def counted(kinds: Sequence[str], *, by: str = "kind", also: str = "") -> str:
    """How often something happened."""
    chosen = " OR ".join(f"\"kind\" = '{kind}'" for kind in kinds)
    return (
        f'SELECT count("confidence") FROM "event" WHERE ({chosen}) AND {WHERE}{also}'
        f' GROUP BY time($__interval), "{by}" fill(0)'
    )
