"""From a change of an alert to what is done by it: rows of the outbox for outputs and cameras. Pure.

An act is a message like any other (lease, retry, expiry), to a channel of kind ``output`` or to the cameras. It is of
use for a short time only: a siren that could not be reached for a quarter of an hour is not sounded then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from gateway.model import AlertChange, AlertState, Outgoing, Severity, Telling
from gateway.outputs import Output
from gateway.places import Place, distance
from gateway.rules.language import Act, Name, Rule
from gateway.store.moments import to_ms

ACT = "act"  # stands for the rule in the outbox: acts are no messages to people
OUTPUT = "output/"  # in front of an output's name where channels are named; no channel of a site has a stroke
CAMERAS = "cameras/"
USEFUL = timedelta(minutes=15)
NEAREST = "nearest"
_OPEN = frozenset({AlertState.FIRING, AlertState.RECOVERING})
_RESTING = frozenset({AlertState.NORMAL, AlertState.PENDING})


class Wishes:
    """Knows the outputs and cameras of a site.

    Args:
        rules: By id.
        outputs: By name.
        devices: Where each device is.
        cameras: Where each camera is; unset: nobody knows.
        views: Camera -> devices that it is known to see.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        outputs: Mapping[str, Output],
        devices: Mapping[str, Place | None],
        cameras: Mapping[str, Place | None],
        views: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self._rules = rules
        self._outputs = outputs
        self._devices = devices
        self._cameras = cameras
        self._views = views or {}

    def telling(self, change: AlertChange, now: datetime) -> Telling | None:
        """What a change does; nothing when it is no news for any output."""
        rule = self._rules.get(change.rule)
        if rule is None or not rule.act:
            return None
        if change.after in _RESTING:
            rows = tuple(self._ends(rule, change, now))
        elif change.after is AlertState.FIRING and (
            change.before not in _OPEN or change.severity > change.was
        ):
            rows = tuple(self._begins(rule, change, now))
        else:
            return None
        if not rows:
            return None
        since = to_ms(change.since or change.at)
        return Telling(ACT, f"{change.rule} {change.target}", since, change.at, now, rows=rows, cancels=True)

    def _begins(self, rule: Rule, change: AlertChange, now: datetime) -> Iterator[Outgoing]:
        if now - change.at >= USEFUL:
            return
        for number, act in enumerate(rule.act):
            if change.severity < (act.from_ or Severity.INFO):
                continue
            if act.output is not None:
                span = act.for_ or self._outputs[act.output].max_duration
                said = {
                    "do": "on",
                    "for_s": f"{span.total_seconds():g}",
                    "text": _said(act.text, change, rule),
                }
                yield _row(f"{OUTPUT}{act.output}", act.output, number, said, of=change, now=now)
            else:
                camera = self._camera(act, change.target)
                if camera:
                    said = {
                        "do": "look",
                        "preset": act.preset,
                        "snapshot": "1" if act.snapshot else "",
                        "rule": change.rule,
                        "target": change.target,
                    }
                    yield _row(CAMERAS, camera, number, said, of=change, now=now)

    def _ends(self, rule: Rule, change: AlertChange, now: datetime) -> Iterator[Outgoing]:
        """What the rule has switched on is not needed any more."""
        for number, act in enumerate(rule.act):
            if act.output is not None:
                yield _row(f"{OUTPUT}{act.output}", act.output, number, {"do": "off"}, of=change, now=now)

    def _camera(self, act: Act, target: str) -> str:
        """The one that is named, or the nearest: of those known to see the device, else of those with a place."""
        if act.camera != NEAREST:
            return act.camera or ""
        device = target.partition(":")[0]
        here = self._devices.get(device) or self._cameras.get(device)
        seeing = sorted(slug for slug, devices in self._views.items() if device in devices)
        if here is None:
            return seeing[0] if seeing else ""
        there = {
            slug: place for slug, place in self._cameras.items() if place is not None and place.on == here.on
        }
        near = [slug for slug in seeing if slug in there] or ([] if seeing else list(there))
        return min(near, key=lambda slug: (distance(here, there[slug]), slug), default="".join(seeing[:1]))


def _row(
    channel: str, address: str, number: int, said: Mapping[str, str], *, of: AlertChange, now: datetime
) -> Outgoing:
    why = f"{of.rule} {of.target}"
    return Outgoing(
        ACT, number, "", channel, address, 0, "zh", f"{said['do']} {address}", of.reason[:200], ACT,
        {**said, "why": why}, of.severity, True, now, now + USEFUL,
    )  # fmt: skip


def _said(text: Name | str, change: AlertChange, rule: Rule) -> str:
    """What a loudspeaker says: its own words, else what the matter is called. No placeholders: nothing to go wrong."""
    if isinstance(text, Name):
        return text.zh
    return text or f"{rule.title('zh')} {change.target.partition(':')[0]}"
