"""The desk between the rules and the outbox: what is so, what people know of it, and what keeps it from them.

Pure: the time is an argument. Every answer is an :class:`Outcome`, to be written down in one transaction: messages,
events and what the desk itself must still know after a restart. (Alerting reference 4.2, 4.5, 4.6, 4.9 to 4.11.)
Longer than most modules: whoever changes a mask or a matter must see what else changes with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from gateway.alerts import masks, rates, stages
from gateway.alerts.masks import Held, Mask
from gateway.alerts.matter import FLAPPING_S, Matter, recalled
from gateway.alerts.speaker import Speaker
from gateway.alerts.stages import Look, Standing
from gateway.model import AlertChange, AlertState, Event, Note, Severity, Telling
from gateway.notify.teller import OWN_ALERTS, SOURCE_SILENT, Teller
from gateway.people import URGENCY_OF
from gateway.rules.instance import time_of
from gateway.rules.state import INF
from gateway.rules.telling import event_of

REALARM_S = 900.0  # taken on, but nobody has accepted the job (alerting reference 4.10)
OrderState = Literal["open", "accepted", "late", "closed"]
Key = tuple[str, str]


def nowhere(_: str) -> Iterable[tuple[str, AlertState, bool]]:
    """No rule is judged."""
    return ()


@dataclass(slots=True)
class Outcome:
    """What follows; written down together.

    Attributes:
        events: The desk's own words: an alert of its own, what somebody has silenced.
        tellings: For the outbox. notes: For the desk after a restart.
        words: Why something was refused: name of a sentence; empty: it was done.
    """

    events: list[Event] = field(default_factory=list)
    tellings: list[Telling] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    words: str = ""

    def __bool__(self) -> bool:
        return bool(self.events or self.tellings or self.notes)


class Desk:
    """Knows every matter.

    Args:
        teller: Of the site as it is now.
        standing: Where the instances of a rule stand.
    """

    def __init__(self, teller: Teller, standing: Standing = nowhere) -> None:
        self.teller = teller
        self.standing = standing
        self._matters: dict[Key, Matter] = {}
        self._masks: dict[str, Mask] = {}
        self._flood = rates.Flood()
        self._inherited: set[Key | str] = set()
        self._dirty: set[Key] = set()
        self._out = Outcome()
        self._now = 0.0
        self._broken: Set[str] = frozenset()
        self._speaker = Speaker(teller, self._flood, 0.0, frozenset())
        self._storms: dict[str, float] = {}
        self._written = ""

    # -- what the house says ------------------------------------------------------------------------------------------

    def hear(self, changes: Sequence[AlertChange], now: datetime, broken: Set[str] = frozenset()) -> Outcome:
        """What rules have changed their mind about, the net of a delivery."""
        self._begin(now, broken)
        for change in changes:
            self._hear(change)
        return self._end()

    def tick(self, now: datetime, broken: Set[str] = frozenset()) -> Outcome:
        """Time has passed: masks end, people are told again."""
        self._begin(now, broken)
        for mask in [mask for mask in self._masks.values() if mask.until <= self._now]:
            self._drop(mask)
        for matter in list(self._matters.values()):
            self._by_time(matter)
        if self._flood.ends(self._now):
            self._speaker.tellings.append(Telling("", "", 0, now, now, release="flood"))
        return self._end()

    def shift(self, by: float, *, trusted: bool = True) -> Outcome:
        """The clock was stepped: nothing ends or is told by that.

        Args:
            by: How far [s].
            trusted: It could be believed before; else only what was set since the start is moved along with it.
        """
        self._begin(time_of(self._now + by), self._broken)
        for key, matter in self._matters.items():
            if trusted or key not in self._inherited:
                matter.shift(by)
                self._dirty.add(key)
        for name, mask in list(self._masks.items()):
            if trusted or name not in self._inherited:
                self._put(Mask(**{**_fields(mask), "since": mask.since + by, "until": mask.until + by}))
        self._flood.shift(by)
        return self._end()

    def recall(self, notes: Iterable[Note]) -> None:
        """After a restart: what was written down. Causes nothing."""
        for note in notes:
            if note.kind == "matter" and (matter := recalled(note.text)) is not None:
                self._matters[matter.rule, matter.target] = matter
                self._inherited.add((matter.rule, matter.target))
            elif note.kind == "mask" and (mask := masks.mask_of(note.text)) is not None:
                self._masks[mask.key] = mask
                self._inherited.add(mask.key)
            elif note.kind == "tally":
                self._flood.restore(note.text)
                self._written = note.text
        self._storms = {one.target: one.since for one in self.own_alerts()}

    # -- what people say ----------------------------------------------------------------------------------------------

    def shelve(self, rule: str, target: str, until: datetime, by: str, why: str, *, now: datetime) -> Outcome:
        """Put an alert aside for a while; not a fire, and no longer than a day."""
        self._begin(now, self._broken)
        known = self.teller.rules.get(rule)
        words = masks.refused(
            by=by,
            why=why,
            now=self._now,
            until=until.timestamp(),
            longest=masks.LONGEST_SHELF_S,
            fire=stages.is_fire(known),
        )
        if known is None and rule not in OWN_ALERTS:
            words = "no_rule"
        if not words:
            self._put(Mask("shelved", rule, target, self._now, until.timestamp(), by, why))
            self._say("alert_shelved", target, now, rule=rule, by=by, why=why, until=until)
            self._look_again()
        return self._end(words)

    def unshelve(self, rule: str, target: str, by: str, now: datetime) -> Outcome:
        """Before its time."""
        self._begin(now, self._broken)
        mask = self._masks.get(f"shelved {rule} {target}")
        if mask is not None:
            self._drop(mask)
            self._say("alert_unshelved", target, now, rule=rule, by=by)
            self._look_again()
        return self._end("" if mask is not None else "not_shelved")

    def maintain(self, place: str, until: datetime, by: str, why: str, now: datetime) -> Outcome:
        """A device or a cell is out of service; who looks after the village is told where fire is watched there."""
        self._begin(now, self._broken)
        teller = self.teller
        words = masks.refused(
            by=by,
            why=why,
            now=self._now,
            until=until.timestamp(),
            longest=masks.LONGEST_MAINTENANCE_S,
            fire=False,
        )
        if place not in teller.devices and place not in teller.roster.cells:
            words = "no_place"
        if not words:
            self._put(Mask("maintenance", masks.ALL, place, self._now, until.timestamp(), by, why))
            self._say("maintenance_begun", place, now, by=by, why=why, until=until)
            if place in teller.devices and teller.watches_fire(place):
                self._speaker.tellings.append(teller.out_of_service(place, until, by, why, now))
            self._look_again()
        return self._end(words)

    def unmaintain(self, place: str, by: str, now: datetime) -> Outcome:
        """Back in service."""
        self._begin(now, self._broken)
        mask = self._masks.get(f"maintenance  {place}")
        if mask is not None:
            self._drop(mask)
            self._say("maintenance_ended", place, now, by=by)
            self._look_again()
        return self._end("" if mask is not None else "not_maintained")

    def since(self, rule: str, target: str) -> datetime | None:
        """When an alert began to fire; ``None`` where nothing of it is known."""
        matter = self._matters.get((rule, target))
        return time_of(matter.since) if matter is not None and matter.since else None

    def acknowledge(self, rule: str, target: str, by: str, now: datetime) -> Outcome:
        """Somebody has taken it on; one of a group that must answer one by one answers for himself only."""
        self._begin(now, self._broken)
        matter = self._matters.get((rule, target))
        person = self.teller.turns.person(by)
        answered = ""
        if matter is not None:
            if person in matter.group:
                answered = person
                matter.answered = sorted({*matter.answered, person})
            if set(matter.group) <= set(matter.answered):
                matter.chase_at = INF
            matter.taken, matter.taken_at, matter.repeat_at = by, self._now, INF
            if matter.order == "open" and URGENCY_OF[matter.severity.word] == "critical":
                matter.realarm_at = self._now + REALARM_S
            self._touch(matter)
        grouped = matter is not None and bool(matter.group)
        self._speaker.tellings.append(
            Telling(
                rule,
                target,
                0,
                now,
                now,
                cancels=not grouped,
                acknowledged=by,
                answered=answered,
                above=grouped,
            )
        )
        return self._end()

    def order_moved(self, rule: str, target: str, state: OrderState, now: datetime) -> Outcome:
        """What has become of the job: taken on but not accepted in time, or late, goes up a level."""
        self._begin(now, self._broken)
        matter = self._matters.get((rule, target))
        if matter is not None:
            if state != "late":
                matter.order = state
            if state == "open" and matter.taken and URGENCY_OF[matter.severity.word] == "critical":
                matter.realarm_at = self._now + REALARM_S
            elif state in ("accepted", "closed"):
                matter.realarm_at = INF
            elif state == "late" and matter.truth:
                self._speaker.realarm(matter)
            self._touch(matter)
        return self._end()

    # -- what is shown ------------------------------------------------------------------------------------------------

    def masks_of(self, rule: str, target: str, now: datetime) -> list[dict[str, Any]]:
        """Everything that keeps an alert from people now, plain data."""
        matter = self._matters.get((rule, target)) or Matter(rule, target, moved=now.timestamp())
        self._now = max(self._now, now.timestamp())
        look = self._look()
        found = [reason for stage in stages.STAGES if (reason := stage(matter, look)) is not None]
        return [reason.shown() for reason in found]

    def answers(self, rule: str, target: str) -> dict[str, Any] | None:
        """How many of a group that must answer one by one have; None when there is no such group."""
        matter = self._matters.get((rule, target))
        if matter is None or not matter.group or not matter.truth:
            return None
        return {"group": matter.group_name, "answered": list(matter.answered), "of": len(matter.group)}

    def silenced(self) -> list[dict[str, Any]]:
        """What people have put aside, plain data."""
        return [
            {
                "rule": mask.rule,
                "target": mask.target,
                **Held(mask.kind, mask.until, mask.by, mask.why).shown(),
            }
            for mask in self._masks.values()
        ]

    def own_alerts(self) -> Iterator[Matter]:
        """Alerts that no rule makes: sources that are silent as a whole."""
        return (one for one in self._matters.values() if one.rule == SOURCE_SILENT and one.truth)

    @property
    def flooded(self) -> float | None:
        """Since when too much happens at once [s]."""
        return self._flood.since

    # -- one matter ---------------------------------------------------------------------------------------------------

    def _hear(self, change: AlertChange) -> None:
        key = change.rule, change.target
        matter = self._matters.setdefault(key, Matter(*key))
        matter.note(change, self._now)
        self._touch(matter)
        if change.rule == SOURCE_SILENT:
            self._storms = {one.target: one.since for one in self.own_alerts()}
        rule = self.teller.rules.get(change.rule)
        if rule is None and change.rule not in OWN_ALERTS:
            self._speaker.forget(matter, change)
            return
        begins = matter.truth == "firing" and not matter.flapping and not stages.is_fire(rule)
        spoken = ""
        if begins and matter.repeats_itself(self._now) and stages.held(matter, self._look()) is None:
            spoken = "repeats"
        if stages.hears_silence(rule):
            self._storm(change.target)
        self._settle(matter, spoken=spoken)
        if spoken and not matter.held:
            matter.flapping = True

    def _settle(self, matter: Matter, *, spoken: str = "", was: str = "") -> None:
        self._touch(matter)
        self._speaker.settle(matter, stages.held(matter, self._look()), spoken=spoken, was=was)

    # -- by time alone ------------------------------------------------------------------------------------------------

    def _by_time(self, matter: Matter) -> None:
        now = self._now
        if matter.flapping and now - matter.moved >= FLAPPING_S:
            matter.flapping = False
            self._touch(matter)
        if matter.held:
            reason = stages.held(matter, self._look())
            if reason is None:
                self._settle(matter, was=matter.held)
            elif reason.kind != matter.held:
                matter.held = reason.kind
                self._touch(matter)
        due = min(matter.realarm_at, matter.repeat_at, matter.chase_at) <= now
        if due and matter.truth and not matter.held and not matter.flapping:
            self._touch(matter)
            if matter.realarm_at <= now:
                self._speaker.realarm(matter)
            if matter.repeat_at <= now:
                self._speaker.repeat(matter)
            if matter.chase_at <= now:
                self._speaker.chase(matter)
        if matter.raises and now - matter.raises[-1] >= FLAPPING_S:
            matter.raises = []
            self._touch(matter)

    def _storm(self, target: str) -> None:
        """Whether the source of a device that has fallen silent, or speaks again, is silent as a whole."""
        devices = self.teller.devices
        device = devices.get(target.partition(":")[0])
        if device is None:
            return
        source = device.settings.source
        heard = [
            slug for slug, one in devices.items() if one.settings.source == source and one.settings.enabled
        ]
        silent = {
            one.target: one.moved
            for one in self._matters.values()
            if one.truth and one.target in heard and stages.hears_silence(self.teller.rules.get(one.rule))
        }
        known = self._matters.get((SOURCE_SILENT, source))
        on = known is not None and bool(known.truth)
        if rates.storm(silent, heard, self._now, on=on) == on:
            return
        now = time_of(self._now)
        states = (AlertState.FIRING, AlertState.NORMAL) if on else (AlertState.NORMAL, AlertState.FIRING)
        since = time_of(known.since) if known is not None and on else now
        change = AlertChange(
            now,
            SOURCE_SILENT,
            source,
            states[0],
            states[1],
            Severity.YELLOW,
            float(len(silent)),
            f"{len(silent)} of {len(heard)} devices of {source} are silent",
            since,
            facts=(self.teller.silence(len(silent), len(heard), source),),
        )
        self._out.events.append(event_of(change, now))
        self._hear(change)
        if not on:
            self._look_again(heard)

    # -- bookkeeping --------------------------------------------------------------------------------------------------

    def _look(self) -> Look:
        storms = {one.target: one.since for one in self.own_alerts()}
        teller = self.teller
        return Look(
            self._now, self._masks, storms, teller.rules, teller.devices, teller.roster, self.standing
        )

    def _look_again(self, among: Sequence[str] | None = None) -> None:
        """A mask has come or gone: what it covers is told or taken back at once."""
        for matter in list(self._matters.values()):
            if among is not None and matter.target.partition(":")[0] not in among:
                continue
            reason = stages.held(matter, self._look())
            if (reason is None) != (not matter.held):
                self._settle(matter, was=matter.held)
            elif reason is not None and reason.kind != matter.held:
                matter.held = reason.kind
                self._touch(matter)

    def _put(self, mask: Mask) -> None:
        self._masks[mask.key] = mask
        self._inherited.discard(mask.key)
        self._out.notes.append(Note("mask", mask.key, mask.memory()))

    def _drop(self, mask: Mask) -> None:
        del self._masks[mask.key]
        self._out.notes.append(Note("mask", mask.key, ""))

    def _say(self, kind: str, target: str, now: datetime, **detail: str | datetime) -> None:
        said: dict[str, float | str] = {
            key: value.isoformat() if isinstance(value, datetime) else value[:300]
            for key, value in detail.items()
        }
        self._out.events.append(
            Event(target.partition(":")[0], kind, now, now, detail={**said, "target": target})
        )

    def _touch(self, matter: Matter) -> None:
        key = matter.rule, matter.target
        self._dirty.add(key)
        self._inherited.discard(key)

    def _begin(self, now: datetime, broken: Set[str]) -> None:
        self._out, self._now, self._broken = Outcome(), now.timestamp(), broken
        self._speaker = Speaker(self.teller, self._flood, self._now, broken)

    def _end(self, words: str = "") -> Outcome:
        self._out.tellings = self._speaker.tellings
        for key in sorted(self._dirty):
            matter = self._matters.get(key)
            if matter is None:
                continue
            text = "" if matter.at_rest else matter.memory()
            if not text:
                del self._matters[key]
            self._out.notes.append(Note("matter", f"{key[0]} {key[1]}", text))
        self._dirty.clear()
        tally = self._flood.memory()
        if tally != self._written:
            self._written = tally
            self._out.notes.append(Note("tally", "flood", tally))
        self._out.words = words
        return self._out


def _fields(mask: Mask) -> dict[str, Any]:
    return {name: getattr(mask, name) for name in mask.__slots__}
