"""Alarms of Dahua cameras (and those that speak like them): fire warnings and temperatures.

- reads: ``/cgi-bin/eventManager.cgi?action=attach``, an answer that never ends
- reconnects: never by itself; Lost when the stream breaks or falls silent. After a refused password not for ten
  minutes, unless the password file changes: such cameras lock the account
- times out: connect 5 s, answer 10 s, three missed heartbeats (asked for each 5 s; ``silence``, 15 s)
- tested on the wire: a camera made for the test that answers as documented
- seen on real hardware: not yet

::

    --myboundary
    Content-Type: text/plain
    Content-Length: 52

    Heartbeat                                               or:
    Code=FireWarning;action=Start;index=0;data={ ... }      action Start, Stop, or Pulse (happened, has no end)

Source: Dahua HTTP API for IPC (eventManager: attach; codes, index from 0, ``heartbeat`` 1..60 s, ``data`` in JSON over
several lines), as quoted in public programs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from drivers.camera.alarms import Alarm, CameraSettings, Listening
from drivers.camera.parts import Part
from gateway.contracts import Context
from gateway.errors import BadReply
from gateway.schema import Duration, duration

HEARTBEAT_S = 5
# kind, score (ours); FireWarningInfo carries the numbers of a FireWarning that was told already
KNOWN: Mapping[str, tuple[str, float]] = {
    "FireWarning": ("thermal", 0.9),
    "HeatImagingTemper": ("thermal", 0.9),
    "SmokeDetection": ("smoke", 0.7),
    "FireDetection": ("fire", 0.8),
}
_SAID = re.compile(
    r"\s*Code=([A-Za-z0-9_]+);\s*action=([A-Za-z]+);\s*index=(\d+)(?:;\s*data=(.*))?\s*", re.DOTALL
)
_HOT = ("Temperature", "Temper", "MaxTemper", "HottestTemper", "CurTemperature")


class Settings(CameraSettings):
    """One Dahua camera.

    Example::

        sources:
          hill: {driver: dahua, url: "http://192.168.1.108", username: village, password_file: hill_password}
        devices:
          hill-thermal: {source: hill, address: 1, tags: [hill]}    # index 1 is the thermal eye (counted from 0)

    The other keys are those of :class:`drivers.camera.alarms.CameraSettings`.
    """

    silence: Duration = Field(default=duration("15s"))


class Driver(Listening):
    """Yields an event for each alarm."""

    def __init__(self, settings: Settings, context: Context) -> None:
        codes = ",".join(sorted({*KNOWN, *settings.kinds}))
        query = f"action=attach&codes=[{codes}]&heartbeat={HEARTBEAT_S}"
        super().__init__(settings, context, f"/cgi-bin/eventManager.cgi?{query}", KNOWN)

    def _read(self, part: Part) -> list[Alarm]:
        text = part.body.decode("utf-8", "replace").strip()
        if part.kind.startswith("image/"):
            return []
        if text == "Heartbeat":
            self._context.health.good(self._context.clock)
            return []
        try:
            return [alarm_in(text)]
        except BadReply as error:
            self._context.health.bad(str(error))
            return []


def alarm_in(text: str) -> Alarm:
    """What one part says.

    Raises:
        BadReply: It is no alarm.
    """
    found = _SAID.fullmatch(text)
    if found is None:
        raise BadReply(f"not understood: {''.join(letter for letter in text[:60] if letter.isprintable())}")
    code, action, index, data = found.groups()
    detail, region = _facts(data) if data else ({}, "")
    return Alarm(code[:60], str(int(index[:6])), action.lower() in {"start", "pulse"}, region, detail)


def _facts(data: str) -> tuple[dict[str, float | str], str]:
    """Temperature and name of the region out of the JSON behind ``data``; JSON that cannot be read costs only that."""
    try:
        facts = json.loads(data)
    except (ValueError, RecursionError):
        return {}, ""
    if not isinstance(facts, dict):
        return {}, ""
    detail: dict[str, float | str] = {}
    hot = [float(value) for name, value in _pairs(facts, 4) if name in _HOT and _is_number(value)]
    if hot:
        detail["celsius"] = round(max(hot), 1)
    name = facts.get("Name") or facts.get("RuleName") or facts.get("name") or ""
    region = "".join(letter for letter in str(name) if letter.isprintable())[:40]
    return detail, region


def _pairs(facts: Any, depth: int) -> list[tuple[str, Any]]:
    """Names and values, lists and objects inside included."""
    if depth == 0:
        return []
    if isinstance(facts, list):
        return [pair for one in facts[:64] for pair in _pairs(one, depth - 1)]
    if not isinstance(facts, dict):
        return []
    return [(name, value) for name, value in facts.items()] + [
        pair for value in facts.values() for pair in _pairs(value, depth - 1)
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6
