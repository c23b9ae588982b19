"""The stages between a matter and the people: each answers whether it may be told, with a reason. Pure.

In order: out of service · shelved · its parent speaks for it · it repeats itself. What holds only some people or some
messages (quiet hours, a round, a flood) is no stage: it moves the message (:mod:`gateway.notify.teller`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from gateway.alerts.masks import Held, Mask
from gateway.alerts.matter import FLAPPING_S, Matter
from gateway.contracts import Device
from gateway.duty import Roster
from gateway.model import AlertState, Severity
from gateway.notify.teller import SOURCE_SILENT
from gateway.rules.language import Rule, When

GATEWAY = "gateway"
ONLINE = "online"
LONGEST_DOUBT_S = 900.0  # a child waits so long for a parent that does not know yet
Standing = Callable[
    [str], Iterable[tuple[str, AlertState, bool]]
]  # rule -> target, state, whether it is unknown


@dataclass(frozen=True, slots=True)
class Look:
    """What the stages look at.

    Attributes:
        now: Seconds. masks: By key. storms: Silent sources, since when.
        rules, devices, roster: Of the site.
        standing: Where the instances of a rule stand.
    """

    now: float
    masks: Mapping[str, Mask]
    storms: Mapping[str, float]
    rules: Mapping[str, Rule]
    devices: Mapping[str, Device]
    roster: Roster
    standing: Standing


Stage = Callable[[Matter, Look], Held | None]


def maintenance(matter: Matter, look: Look) -> Held | None:
    """Its device is out of service, or its cell; a fire is told unless it is that very device."""
    slug = matter.target.partition(":")[0]
    device = look.devices.get(slug)
    places = [slug]
    if device is not None and device.settings.cell and not is_fire(look.rules.get(matter.rule)):
        places += look.roster.chain(device.settings.cell)
    for place in places:
        mask = look.masks.get(f"maintenance  {place}")
        if mask is not None:
            return Held("maintenance", mask.until, mask.by, mask.why)
    return None


def shelved(matter: Matter, look: Look) -> Held | None:
    """Somebody has put it aside for a while."""
    mask = look.masks.get(f"shelved {matter.rule} {matter.target}")
    if mask is None or is_fire(look.rules.get(matter.rule)):
        return None
    return Held("shelved", mask.until, mask.by, mask.why)


def suppressed(matter: Matter, look: Look) -> Held | None:
    """Another alert speaks for it: its rule's parent, or the source that has fallen silent as a whole."""
    slug = matter.target.partition(":")[0]
    device = look.devices.get(slug)
    rule = look.rules.get(matter.rule)
    if rule is None:
        return None
    if device is not None and device.settings.source in look.storms and hears_silence(rule):
        return Held("suppressed", None, f"{SOURCE_SILENT} {device.settings.source}")
    if rule.parent is None:
        return None
    for target, state, unknown in look.standing(rule.parent):
        if not _near(target.partition(":")[0], slug, look.devices):
            continue
        by = f"{rule.parent} {target}"
        if state in (AlertState.FIRING, AlertState.RECOVERING, AlertState.LATCHED):
            return Held("suppressed", None, by)
        doubtful = unknown or state is AlertState.PENDING
        waited = look.now - matter.moved
        if doubtful and waited < LONGEST_DOUBT_S and matter.severity < Severity.ORANGE:
            return Held("suppressed", matter.moved + LONGEST_DOUBT_S, by, "not known yet")
    return None


def flapping(matter: Matter, look: Look) -> Held | None:
    """It comes and goes; what is worse than people know is told all the same."""
    if not matter.flapping or is_fire(look.rules.get(matter.rule)):
        return None
    if matter.known and matter.truth == "firing" and matter.severity > matter.worst:
        return None
    return Held("flapping", matter.moved + FLAPPING_S)


STAGES: tuple[Stage, ...] = (maintenance, shelved, suppressed, flapping)


def held(matter: Matter, look: Look) -> Held | None:
    """The first reason not to tell it; None: it is told."""
    return next((reason for stage in STAGES if (reason := stage(matter, look)) is not None), None)


def is_fire(rule: Rule | None) -> bool:
    """Fire is never silenced."""
    return rule is not None and rule.fire


def hears_silence(rule: Rule | None) -> bool:
    """Whether the rule is about a device that is silent."""
    return rule is not None and any(_mentions(step.when) for step in rule.all_steps())


def _mentions(when: When) -> bool:
    parts = [*(when.any_of or ()), *(when.all_of or ()), *([when.not_] if when.not_ else [])]
    return ONLINE in when.readings or any(_mentions(part) for part in parts)


def _near(parent: str, child: str, devices: Mapping[str, Device]) -> bool:
    """Whether a parent may speak for a child: the gateway for all, else the same device, source or cell."""
    if parent in (GATEWAY, child):
        return True
    one, other = devices.get(parent), devices.get(child)
    if one is None or other is None:
        return False
    cell = one.settings.cell
    return one.settings.source == other.settings.source or (cell is not None and cell == other.settings.cell)
