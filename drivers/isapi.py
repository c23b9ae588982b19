"""Alarms of Hikvision cameras (and those that speak like them): fire points, temperatures, smoke.

- reads: ``/ISAPI/Event/notification/alertStream``, an answer that never ends
- reconnects: never by itself; Lost when the stream breaks or falls silent. After a refused password not for ten
  minutes, unless the password file changes: such cameras lock the account
- times out: connect 5 s, answer 10 s, three missed heartbeats (``silence``, 30 s)
- tested on the wire: a camera made for the test that answers as documented
- seen on real hardware: not yet

::

    --boundary
    Content-Type: application/xml; charset="UTF-8"      an EventNotificationAlert; eventType videoloss with eventState
    Content-Length: 517                                 inactive is the heartbeat (each 10 s, older firmware 300 ms)

    <EventNotificationAlert> ... </EventNotificationAlert>
    --boundary
    Content-Type: image/pjpeg                           pictures of an alarm follow it; they are not kept here (the
    Content-Length: 70956                               camera worker makes the evidence, with faces blurred)

The alarm names are those of thermal and bi-spectrum cameras: fireDetection, TMA (temperature measurement alarm),
TMPA (its early warning), TDA (temperature difference), smokeDetection, smokeAndFireDetection. Most repeat an alarm each
second while it lasts and never say that it is over.

Source: Hikvision, ISAPI general application (EventNotificationAlert, alertStream); the names and the heartbeat as
quoted in public programs and captures of such cameras (fireDetection: FireRegion, HighestPoint, fireMaxTemperature).
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.camera.alarms import Alarm, CameraSettings, Listening
from drivers.camera.parts import Part
from gateway.contracts import Context
from gateway.errors import BadReply
from gateway.web.plainxml import Element, read

TARGET = "/ISAPI/Event/notification/alertStream"
# kind, score: what heat says is surer than what a camera makes of smoke; an early warning stays below the rules (ours)
KNOWN: Mapping[str, tuple[str, float]] = {
    "fireDetection": ("thermal", 0.9),
    "TMA": ("thermal", 0.9),
    "TDA": ("thermal", 0.7),
    "TMPA": ("thermal", 0.5),
    "smokeAndFireDetection": ("fire", 0.8),
    "smokeDetection": ("smoke", 0.7),
}
HEARTBEAT = "videoloss"
_UNITS = {"celsius": (1.0, 0.0), "fahrenheit": (5 / 9, -160 / 9), "kelvin": (1.0, -273.15)}


class Settings(CameraSettings):
    """One Hikvision camera.

    Example::

        sources:
          hill: {driver: isapi, url: "http://192.168.1.64", username: village, password_file: hill_password}
        devices:
          hill-thermal: {source: hill, address: 2, tags: [hill]}    # channel 2 is the thermal eye
    """


class Driver(Listening):
    """Yields an event for each alarm."""

    def __init__(self, settings: Settings, context: Context) -> None:
        super().__init__(settings, context, TARGET, KNOWN, closing=b"</EventNotificationAlert>")

    def _read(self, part: Part) -> list[Alarm]:
        health = self._context.health
        if part.kind.startswith("image/"):
            return []
        try:
            alarm = alarm_in(part.body)
        except BadReply as error:
            health.bad(str(error))
            return []
        if alarm.name.lower() == HEARTBEAT and not alarm.active:
            health.good(self._context.clock)
            return []
        return [alarm]


def alarm_in(body: bytes) -> Alarm:
    """What one EventNotificationAlert says.

    Raises:
        BadReply: It is none.
    """
    root = read(body)
    name = root.said("eventType")
    if root.name != "EventNotificationAlert" or not name:
        raise BadReply(f"an answer of {root.name[:40]} without eventType")
    regions = [one.said("regionID") for one in root.every("DetectionRegionEntry")]
    detail: dict[str, float | str] = {}
    hottest = _hottest(root)
    if hottest is not None:
        detail["celsius"] = round(hottest, 1)
    for field in ("eventDescription", "channelName", "dateTime"):
        if root.said(field):
            detail[field] = _clean(root.said(field))
    if len(regions) > 1:
        detail["regions"] = len(regions)
    channel = root.said("channelID") or root.said("dynChannelID") or "1"
    active = root.said("eventState").lower() == "active"
    return Alarm(_clean(name), _clean(channel), active, _clean(regions[0]) if regions else "", detail)


def _hottest(root: Element) -> float | None:
    """Of all regions [degC]."""
    found = []
    for name in ("fireMaxTemperature", "currTemperature", "maxTemperature", "MaxTemperature"):
        for one in root.every(name):
            try:
                found.append(float(one.text))
            except ValueError:
                continue
    if not found:
        return None
    unit = root.said("temperatureUnit") or root.said("thermometryUnit") or "celsius"
    factor, offset = _UNITS.get(unit.lower(), (1.0, 0.0))
    return max(found) * factor + offset


def _clean(text: str) -> str:
    """Short and printable: it comes from a device and goes into messages and logs."""
    return "".join(letter for letter in text if letter.isprintable())[:80]
