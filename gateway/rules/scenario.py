"""A story in YAML, told to the rules: a rule's own test, run by the contract suite and by ``village rules test``.

::

    scenario:
    - [0, 80, normal]            time since the start, what is read, what the rule says then
    - [1 min, 90, pending]
    - [12 min, 91, firing blue]
    - [20 min, missing, firing]  a reading without a value
    - [30 min, null, firing]     nothing is read: time passes
    - [40 min, {fill: 20, battery: 50}, normal]
    - [50 min, {event: fire, score: 0.9}, firing red]
    - [60 min, confirmed, normal]   a person has looked

A bare number is in the quantity's own unit and belongs to the only quantity of the rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.contracts import Device
from gateway.model import AlertState, Event, Flag, Observation, Reading, Severity, Tick, series_of
from gateway.rules.language import ANY, Rule, Story
from gateway.rules.plan import GATEWAY, Plan, Surroundings
from gateway.rules.rulebook import CONFIRMED, Rulebook
from gateway.schema import duration, in_words
from gateway.settings import DeviceSettings

DEVICE = "storyteller"
TICK = timedelta(minutes=1)
_STATES = {state.value for state in AlertState}
_WORDS = {severity.word for severity in Severity}


@dataclass(frozen=True, slots=True)
class Failure:
    """A line of a story that did not come true.

    Attributes:
        line: Which, from 0.
        problem: In words.
    """

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    after: timedelta
    said: Any
    wanted: str


def tell(rule: Rule, around: Surroundings) -> list[Failure]:
    """Tell a rule its own story.

    Returns:
        What did not come true; empty when all did, and one failure when there is no story.
    """
    if rule.scenario is None:
        return [Failure(0, "has no scenario: nothing shows that it fires")]
    story = rule.scenario
    try:
        lines = [_line(number, entry) for number, entry in enumerate(story.story)]
    except ValueError as error:
        return [Failure(0, str(error))]
    plan = Plan(rule, around)
    slug = GATEWAY if rule.for_each.kind == GATEWAY else next(iter(rule.for_each.device), DEVICE)
    tags = [*story.tags, *rule.for_each.tag]
    settings = DeviceSettings(source="story", period=story.period, tags=tags)
    book = Rulebook([plan], {slug: Device(slug, settings)}, around.quantities)
    start = datetime.strptime(story.start, "%Y-%m-%d %H:%M").replace(tzinfo=around.zone).astimezone(UTC)
    return list(_told(book, plan, slug, start, story=story, lines=lines))


def _told(
    book: Rulebook, plan: Plan, slug: str, start: datetime, *, story: Story, lines: list[_Line]
) -> Iterator[Failure]:
    now = start
    repeated: Any = None
    for line in lines:
        at = start + line.after
        if at < now:
            yield Failure(line.number, f"is earlier than the line before it ({in_words(line.after)})")
            return
        _pass(book, plan, slug, between=(now, at), every=story.repeat, said=repeated)
        try:
            said = list(_observations(plan, slug, line.said, at))
        except ValueError as error:
            yield Failure(line.number, str(error))
            return
        book.step([*said, Tick(at)])
        now = at
        repeated = (
            line.said
            if isinstance(line.said, int | float | dict) and "event" not in _keys(line.said)
            else None
        )
        state = _state(book, plan.rule.id)
        if not _fits(state, line.wanted):
            yield Failure(line.number, f"after {in_words(line.after)}: is {state}, should be {line.wanted}")


def _pass(
    book: Rulebook,
    plan: Plan,
    slug: str,
    *,
    between: tuple[datetime, datetime],
    every: timedelta | None,
    said: Any,
) -> None:
    """Time passes, minute by minute; a steady sensor repeats itself."""
    now, end = between
    following = now + every if every is not None and said is not None else None
    while True:
        now += TICK
        while following is not None and following <= now and following < end:
            book.step(_observations(plan, slug, said, following))
            following += every or TICK
        if now >= end:
            return
        book.step([Tick(now)])


def _line(number: int, entry: list[Any]) -> _Line:
    if len(entry) != 3 or not isinstance(entry[2], str):
        raise ValueError(f"line {number + 1} is not [time, what is read, state]")
    time, said, wanted = entry
    words = wanted.split()
    if not words or words[0] not in _STATES or not set(words[1:]) <= _WORDS:
        raise ValueError(
            f"line {number + 1}: {wanted!r} is no state; write {', '.join(sorted(_STATES))}, and a severity behind it"
        )
    return _Line(number, timedelta(0) if time == 0 else duration(time), said, wanted)


def _keys(said: Any) -> set[str]:
    return set(said) if isinstance(said, dict) else set()


def _observations(plan: Plan, slug: str, said: Any, at: datetime) -> Iterator[Observation]:
    """What one line says, as the house would hear it."""
    if said is None:
        return
    if said == "confirmed":
        yield Event(slug, CONFIRMED, at, at, detail={"rule": plan.rule.id, "target": slug})
        return
    if isinstance(said, dict) and "event" in said:
        yield Event(slug, str(said["event"]), at, at, confidence=float(said.get("score", 1.0)))
        return
    if not isinstance(said, dict):
        named = sorted(plan.quantities - {ANY})
        if len(named) != 1:
            raise ValueError(
                f"{said!r} of which quantity? write {{{named[0] if named else 'event'}: {said}}}"
            )
        said = {named[0]: said}
    yield from (_reading(slug, quantity, value, at) for quantity, value in said.items())


def _reading(slug: str, quantity: str, value: Any, at: datetime) -> Reading:
    series = series_of(slug, quantity)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Reading(series, float(value), at, at, Flag.GOOD)
    if value == "missing":
        return Reading(series, None, at, at, Flag.MISSING, "no_value")
    if isinstance(value, Mapping):  # {value: 3, flag: SUSPECT, reason: stuck}
        flag = (
            Flag[str(value.get("flag", "GOOD"))]
            if str(value.get("flag", "GOOD")) in Flag.__members__
            else None
        )
        number = value.get("value")
        if flag is not None and isinstance(number, int | float):
            return Reading(series, float(number), at, at, flag, str(value.get("reason", "")))
    raise ValueError(
        f"{quantity}: {value!r} is no number; or write missing, or {{value: 3, flag: SUSPECT, reason: stuck}}"
    )


def _state(book: Rulebook, rule: str) -> str:
    found = [alert for alert in book.alerts() if alert["rule"] == rule]
    if not found:
        return AlertState.NORMAL.value
    return f"{found[0]['state']} {found[0]['severity']}"


def _fits(state: str, wanted: str) -> bool:
    return state.split() == wanted.split() or state.split()[:1] == wanted.split()
