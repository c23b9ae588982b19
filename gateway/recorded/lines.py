"""JSON lines: ``{"at": ..., "series": ..., "value": ...}``, as ``village replay`` and ``village export`` write them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from gateway.errors import BadReply
from gateway.model import Flag, Reading, series_of
from gateway.recorded.layout import Bad, Layout, bounded


def json_lines(lines: Iterator[str], layout: Layout) -> Iterator[list[Reading] | Bad]:
    """The readings of a file, line by line."""
    for number, line in enumerate(bounded(lines), start=1):
        if not line.strip():
            continue
        try:
            yield [_json_reading(json.loads(line), layout)]
        except (ValueError, RecursionError, BadReply) as error:
            yield Bad(number, str(error))


def _json_reading(data: Any, layout: Layout) -> Reading:
    if not isinstance(data, dict):
        raise BadReply("is no JSON object")
    series, at = data.get("series"), data.get("at")
    if not isinstance(series, str) or not series:
        raise BadReply("has no series")
    if not isinstance(at, str | int | float) or isinstance(at, bool):
        raise BadReply("has no time (at)")
    moment = layout.times.read(str(at))
    received = layout.times.read(str(data["received"])) if "received" in data else moment
    value = data.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise BadReply(f"value {value!r} is no number")
    name = series if "/" in series else series_of(layout.device, series)
    flag, why = _flag_of(data.get("flag")), str(data.get("flagged_by") or "")
    if value is not None and not math.isfinite(value):
        value, why = None, why or "not_a_number"
    if value is None:
        return Reading(name, None, moment, received, Flag.MISSING, why or "no_value")
    return Reading(name, float(value), moment, received, Flag.UNKNOWN if flag is Flag.MISSING else flag, why)


def _flag_of(said: Any) -> Flag:
    """A driver's own flag; GOOD was somebody's verdict, which is what a replay finds anew."""
    if isinstance(said, str) and said.upper() in Flag.__members__:
        flag = Flag[said.upper()]
    elif isinstance(said, int) and said in Flag._value2member_map_:
        flag = Flag(said)
    else:
        return Flag.UNKNOWN
    return Flag.UNKNOWN if flag is Flag.GOOD else flag
