"""The live page in the terminal: what the village looks like now, on 80x24 and on a wide screen.

Draws and nothing else: it is given a :class:`Scene` and returns something that rich can print. rich belongs to the
``demo`` extra, so only the command that shows this page imports it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.contracts import Device
from gateway.latest import Latest
from gateway.model import Event, Flag, Reading, split_series
from gateway.quantities import Quantities
from gateway.rehearsal import in_bytes
from gateway.rules.rulebook import ALERT
from gateway.units import spelled
from gateway.words import Words

STYLES = {
    Flag.GOOD: "green",
    Flag.UNKNOWN: "",
    Flag.SUSPECT: "yellow",
    Flag.FAIL: "bold red",
    Flag.MISSING: "magenta",
}
SEVERITY_STYLE = {
    "info": "cyan",
    "blue": "blue",
    "yellow": "yellow",
    "orange": "dark_orange",
    "red": "bold red",
}
DOMAINS = ("bin", "structure", "water", "level", "soil", "weather", "air", "camera", "other")
_DOMAIN_OF = {"waste_bin": "bin", "device": "other", "gateway": "other"}
# what is worth a place on the line of a device, best first
SHOWN = {
    "bin": ("fill", "distance"),
    "structure": ("tilt_permille", "tilt_delta", "crack_width"),
    "water": ("do", "ph", "water_temp", "turbidity", "ec", "nh4_n", "chlorine"),
    "level": ("water_level", "water_depth", "distance"),
    "soil": ("soil_moisture", "soil_temp", "soil_ec", "soil_ph"),
    "weather": ("air_temp", "air_rh", "rain", "wind_speed", "air_pressure"),
    "air": ("pm25", "noise", "co2"),
    "camera": ("camera_fps", "camera_age"),
}
BAR_CELLS = 10
NAME_CELLS = 12
NEARLY_FULL, FULL = 60.0, 80.0  # bins: 80 % is what public practice calls full (reference 6.1)
QUIET_PERIODS = 4
QUIET_AT_LEAST_S = 20.0


@dataclass
class Scene:
    """Everything on the page.

    Attributes:
        name: Of the site.
        devices: All enabled devices.
        status: As ``House.status()`` says.
        latest: Last word of every series.
        now: Wall clock.
        zone: In which times are shown.
        village_time: In the story, local; ``None`` where no story is told.
        speed: How much faster the story goes.
        sent: Messages the devices have sent.
        polls: Requests the probes have answered.
        commit_ms: Median from broker to disk; ``None`` before the first.
        address: Where status and metrics are served.
        ages: Device -> seconds since it was last heard.
    """

    name: str
    devices: Iterable[Device]
    status: Mapping[str, Any]
    latest: Latest
    now: datetime
    zone: tzinfo
    village_time: datetime | None = None
    speed: float = 1.0
    sent: int = 0
    polls: int = 0
    commit_ms: float | None = None
    address: str = ""
    ages: Mapping[str, float] = field(default_factory=dict)


class Lately:
    """What has changed its flag, or has happened, lately; newest first, each change once."""

    def __init__(self, size: int = 20) -> None:
        self._flags: dict[str, tuple[Flag, str]] = {}
        self.items: deque[Reading | Event] = deque(maxlen=size)

    def look(self, latest: Mapping[str, Reading]) -> None:
        """Note every series whose flag is another one than at the last look, unless it has just become good."""
        for series, reading in latest.items():
            now = (reading.flag, reading.flagged_by)
            before = self._flags.get(series)
            self._flags[series] = now
            if now != before and reading.flag > Flag.UNKNOWN:
                self.items.appendleft(reading)

    def happened(self, event: Event) -> None:
        """Note an event."""
        self.items.appendleft(event)


class Page:
    """Draws scenes in one language.

    Args:
        words: Texts.
        quantities: Names, units and digits.
    """

    def __init__(self, words: Words, quantities: Quantities) -> None:
        self._words = words
        self._quantities = quantities

    def draw(self, scene: Scene, lately: Lately, width: int, height: int) -> RenderableType:
        """The whole page; never larger than asked for."""
        head = self._head(scene)
        recent = self._recent(scene, lately, min(8, max(2, (height - 20) // 2)))
        foot = self._foot(scene)
        room = max(4, height - len(head) - len(recent) - len(foot))
        body = self._body(scene, width, room)
        lines = [*head, body, *recent, *foot]
        for line in lines:
            if isinstance(line, Text):
                line.truncate(width, overflow="ellipsis")
        return Group(*lines)

    def _head(self, scene: Scene) -> list[Text]:
        words = self._words
        title = Text(f" {scene.name} ", style="bold reverse")
        if scene.village_time is not None:
            title.append("  ")
            title.append(words("page.village_time", time=f"{scene.village_time:%H:%M}"), style="bold")
            title.append(f" ×{scene.speed:g}", style="dim")
        if scene.address:
            title.append(f"   {scene.address}", style="cyan")
        title.append(f"   {words('page.stop')}", style="dim")
        return [title]

    def _foot(self, scene: Scene) -> list[Text]:
        words, status = self._words, scene.status
        devices = list(scene.devices)
        journal = status.get("journal", {})
        heard = sum(device.slug in scene.ages for device in devices)
        dropped = status.get("bus", {}).get("dropped", 0)
        facts = [
            words("page.devices", heard=heard, expected=len(devices)),
            words("page.messages", sent=scene.sent),
            words("page.polls", polls=scene.polls),
            words("page.readings", total=journal.get("readings", 0)),
        ]
        link = Text("  ".join(facts), style="dim")
        store = [
            words(
                "page.backlog", waiting=status.get("bus", {}).get("waiting", 0) + journal.get("waiting", 0)
            ),
            words("page.disk", size=in_bytes(journal.get("bytes", 0))),
        ]
        if scene.commit_ms is not None:
            store.insert(1, words("page.commit", ms=f"{scene.commit_ms:.0f}"))
        second = Text("  ".join(store), style="dim")
        second.append("  ")
        second.append(words("page.dropped", dropped=dropped), style="bold red" if dropped else "dim")
        sources = status.get("sources", {})
        closed = {name: source["state"] for name, source in sources.items() if source["state"] != "open"}
        second.append("  ")
        second.append(words("page.sources", opened=len(sources) - len(closed), all=len(sources)), style="dim")
        for name, state in closed.items():
            second.append(f"  {name} {words.maybe(f'source.{state}', state)}", style="bold red")
        quality = Text()
        for flag in Flag:
            count = status.get("quality", {}).get(flag.name, 0)
            if count or flag is Flag.GOOD:
                quality.append(f"{words(f'flag.{flag.name}')} {count}  ", style=STYLES[flag])
        return [quality, link, second]

    def _recent(self, scene: Scene, lately: Lately, most: int) -> list[Text]:
        words = self._words
        names = {device.slug: device.settings.name or device.slug for device in scene.devices}
        lines = [
            self._event(item, names, scene.zone)
            if isinstance(item, Event)
            else self._flagged(item, names, scene.zone)
            for item in list(lately.items)[:most]
        ]
        return lines or [Text(words("page.nothing_yet"), style="dim")]

    def _event(self, event: Event, names: Mapping[str, str], zone: tzinfo) -> Text:
        line = Text(f"{event.at.astimezone(zone):%H:%M:%S} ", style="dim")
        line.append(f"{names.get(event.source, event.source)} ")
        if event.kind != ALERT:
            line.append(self._words.maybe(f"event.{event.kind}", event.kind), style="cyan")
            return line
        severity, state = str(event.detail["severity"]), str(event.detail["to"])
        line.append(f"{self._words(f'severity.{severity}')} ", style=SEVERITY_STYLE.get(severity, "cyan"))
        line.append(f"{self._words(f'alert.{state}')} {event.detail['reason']}")
        return line

    def _flagged(self, reading: Reading, names: Mapping[str, str], zone: tzinfo) -> Text:
        device, quantity = split_series(reading.series)
        line = Text(f"{reading.at.astimezone(zone):%H:%M:%S} ", style="dim")
        line.append(f"{names.get(device, device)} {self._named(quantity)} ")
        if reading.value is not None:
            line.append(f"{self._amount(quantity, reading.value)} ")
        line.append(self._words(f"flag.{reading.flag.name}"), style=STYLES[reading.flag])
        line.append(f" {self.reasons(reading)}", style="dim")
        return line

    def reasons(self, reading: Reading) -> str:
        """Why a reading is flagged, in words."""
        parts = (part for part in reading.flagged_by.split("+") if part)
        return ", ".join(self._words.maybe(f"reason.{part.partition(':')[0]}", part) for part in parts)

    def _body(self, scene: Scene, width: int, room: int) -> RenderableType:
        columns = 2 if width < 132 else 3
        cell = width // columns - 1
        blocks = [block for domain in DOMAINS if (block := self._block(scene, domain, cell))]
        table = Table.grid(padding=(0, 1, 0, 0))
        for _ in range(columns):
            table.add_column(width=cell, no_wrap=True, overflow="crop")
        table.add_row(*(Group(*column) for column in spread(blocks, columns, room)))
        return table

    def _block(self, scene: Scene, domain: str, cell: int) -> list[Text]:
        found = [device for device in scene.devices if self._domain(device, scene.latest) == domain]
        if not found:
            return []
        lines = [Text(self._words(f"domain.{domain}"), style="bold underline")]
        lines += [self._device(scene, device, domain, cell) for device in found]
        return lines

    def _domain(self, device: Device, latest: Mapping[str, Reading]) -> str:
        if device.model is not None:
            return device.model.domain
        for series in latest:
            owner, quantity = split_series(series)
            if owner == device.slug and quantity in self._quantities:
                measurement = self._quantities[quantity].measurement
                found = _DOMAIN_OF.get(measurement, measurement)
                if found != "other":
                    return found
        return "other"

    def _device(self, scene: Scene, device: Device, domain: str, cell: int) -> Text:
        line = Text(device.settings.name or device.slug)
        line.truncate(NAME_CELLS, overflow="ellipsis", pad=True)
        age = scene.ages.get(device.slug)
        if age is None:
            line.append(f" {self._words('page.waiting')}", style="dim")
            return line
        if age > max(QUIET_PERIODS * device.period.total_seconds(), QUIET_AT_LEAST_S):
            line.append(f" {self._words('page.silent_for', age=in_seconds(age))}", style="red")
            return line
        for quantity in self._worth_showing(scene.latest, device.slug, domain):
            part = self._value(scene.latest, device.slug, quantity)
            if line.cell_len + part.cell_len + 1 > cell:
                break
            line.append(" ").append_text(part)
        return line

    def _worth_showing(self, latest: Latest, slug: str, domain: str) -> Iterable[str]:
        wanted = [quantity for quantity in SHOWN.get(domain, ()) if f"{slug}/{quantity}" in latest]
        if domain == "bin" and "fill" in wanted:
            return ["fill"]
        if domain == "level" and "water_level" in wanted:
            return ["water_level"]
        return wanted or [
            quantity
            for owner, quantity in map(split_series, latest)
            if owner == slug and quantity not in {"battery", "battery_v", "rssi", "snr", "online"}
        ]

    def _value(self, latest: Latest, slug: str, quantity: str) -> Text:
        reading = latest[f"{slug}/{quantity}"]
        if reading.value is None:
            known = latest.last_good(reading.series)
            shown = "" if known is None or known.value is None else self._amount(quantity, known.value) + " "
            part = Text(shown, style="dim strike")
            part.append(self._words("flag.MISSING"), style=STYLES[Flag.MISSING])
            return part
        if quantity == "fill":
            part = _bar(reading.value)
        else:
            short = self._words.maybe(f"short.{quantity}", "")
            part = Text(f"{short} " if short else "", style="dim")
            part.append(self._amount(quantity, reading.value), style=STYLES[reading.flag])
        if reading.flag > Flag.UNKNOWN:
            part.append(f" {self._words(f'flag.{reading.flag.name}')}", style=STYLES[reading.flag])
        return part

    def _named(self, quantity: str) -> str:
        if quantity not in self._quantities:
            return quantity
        return str(getattr(self._quantities[quantity], self._words.language))

    def _amount(self, quantity: str, value: float) -> str:
        if quantity not in self._quantities:
            return f"{value:g}"
        known = self._quantities[quantity]
        unit = spelled(known.unit)
        if known.unit == "pH":
            return f"pH {value:.{known.digits}f}"
        tight = "" if unit in {"", "%", "°", "°C", "‰"} else " "
        return f"{value:.{known.digits}f}{tight}{unit}"


def spread(blocks: list[list[Text]], columns: int, room: int) -> list[list[Text]]:
    """Blocks of lines into columns of about equal height; what does not fit is cut, and said."""
    filled: list[list[Text]] = [[] for _ in range(columns)]
    for block in sorted(blocks, key=len, reverse=True):
        min(filled, key=len).extend(block)
    return [
        column
        if len(column) <= room
        else [*column[: room - 1], Text(f"… +{len(column) - room + 1}", style="dim")]
        for column in filled
    ]


def _bar(percent: float) -> Text:
    cells = round(min(100.0, max(0.0, percent)) / 100 * BAR_CELLS)
    style = "green" if percent < NEARLY_FULL else "yellow" if percent < FULL else "bold red"
    bar = Text("█" * cells, style=style)
    bar.append("░" * (BAR_CELLS - cells), style="dim")
    bar.append(f" {percent:3.0f}%", style=style)
    return bar


def in_seconds(seconds: float) -> str:
    """An age in a readable form."""
    return str(timedelta(seconds=round(seconds))) if seconds >= 60 else f"{seconds:.0f} s"
