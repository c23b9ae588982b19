"""The words of a rule: plain fields, no expressions.

Shape only. That quantities exist and units fit is checked by :mod:`gateway.rules.plan`, which turns a rule into
what is judged. The table of all fields stands in ``docs/rules.md``.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from gateway.model import Severity
from gateway.schema import Duration, Slug, Strict, duration

ANY = "any_reading"  # the name that stands for whatever a device says
_AMOUNT = re.compile(r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))\s*(\S*)\s*")
_INTERVALS = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*intervals?\s*")
_TIMES = re.compile(r"\s*([0-9]+)\s*(?:within\s+(.+))?")
_CLOCK = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])")
BATCH_DAYS = {
    **dict(zip(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), range(7), strict=True)),
    **dict(zip(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), range(7), strict=True)),
}  # fmt: skip
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Amount(Strict):
    """A number and its unit, as written; an empty unit where the quantity has none."""

    number: float
    unit: str = ""


class Span(Strict):
    """A length of time: fixed, or so many reporting intervals of the device."""

    fixed: timedelta = timedelta(0)
    intervals: float = 0.0

    def seconds(self, period_s: float) -> float:
        """In seconds, for a device that reports every ``period_s``."""
        return self.fixed.total_seconds() + self.intervals * period_s


class Times(Strict):
    """How often within which time; without a time, how often in a row."""

    count: int = Field(ge=1, le=1000)
    within: Span | None = None


def _amount(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Amount(number=float(value))
    found = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is not an amount with its unit, e.g. 80 %, 0.5 m, 35 degC")
    return Amount(number=float(found.group(1)), unit=found.group(2))


def _span(value: Any) -> Any:
    if isinstance(value, Span):
        return value
    found = _INTERVALS.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        return Span(intervals=float(found.group(1)))
    return Span(fixed=duration(value))


def _times(value: Any) -> Any:
    if isinstance(value, Times):
        return value
    found = _TIMES.fullmatch(str(value)) if not isinstance(value, bool) else None
    if found is None:
        raise ValueError(f"{value!r} is not a number of times, e.g. 2, or 3 within 30 min")
    within = _span(found.group(2)) if found.group(2) else None
    return Times(count=int(found.group(1)), within=within)


def _severity(value: Any) -> Any:
    words = [severity.word for severity in Severity]
    if isinstance(value, Severity):
        return value
    if value not in words:
        raise ValueError(f"{value!r} is no severity; write {', '.join(words)}")
    return Severity(words.index(value))


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _clock(value: Any) -> Any:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is no time of day; write 22:00")
    minutes = 60 * int(found.group(1)) + int(found.group(2))
    if minutes > 24 * 60:
        raise ValueError(f"{value!r} is later than 24:00")
    return minutes


def _batch(value: Any) -> Any:
    word, _, clock = value.strip().rpartition(" ") if isinstance(value, str) else ("", "", "")
    if value in {"", "next_round", "digest"}:
        return value
    if not _CLOCK.fullmatch(clock) or clock == "24:00" or (word and word.lower() not in BATCH_DAYS):
        raise ValueError(f"{value!r} is no time to be told; write next_round, digest, 08:00 or monday 08:00")
    return value.strip()


Written = Annotated[Amount, BeforeValidator(_amount)]
SpanField = Annotated[Span, BeforeValidator(_span)]
TimesField = Annotated[Times, BeforeValidator(_times)]
SeverityField = Annotated[Severity, BeforeValidator(_severity)]
Minutes = Annotated[int, BeforeValidator(_clock)]  # of the day
Slugs = Annotated[list[Slug], BeforeValidator(_listed)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

VIEWS = (
    "sum_over", "mean_over", "min_over", "max_over", "median_over", "percentile_over", "count_over", "change_over",
    "rise_over", "fall_over", "rate_over", "slope_over", "drift_over", "away_from", "times_usual", "will_reach",
    "will_fall_to", "missing_for", "flagged",
)  # fmt: skip
PER = {"min": 60.0, "h": 3600.0, "hour": 3600.0, "day": 86400.0}


class Limits(Strict):
    """What is asked of one quantity: at most one view of it (a sum, a rise ...), and limits for that.

    Comparisons are strict: ``above: 85 %`` means more than 85 %.
    """

    above: Written | None = None
    below: Written | None = None
    outside: tuple[Written, Written] | None = None
    equals: Annotated[list[float], BeforeValidator(_listed)] | None = Field(default=None, alias="is")
    clear_below: Written | None = None
    clear_above: Written | None = None
    clear_inside: tuple[Written, Written] | None = None

    sum_over: SpanField | None = None
    mean_over: SpanField | None = None
    min_over: SpanField | None = None
    max_over: SpanField | None = None
    median_over: SpanField | None = None
    percentile_over: SpanField | None = None
    percentile: float = Field(default=90.0, gt=0, lt=100)
    count_over: SpanField | None = None
    change_over: SpanField | None = None
    rise_over: SpanField | None = None
    fall_over: SpanField | None = None
    rate_over: SpanField | None = None
    slope_over: SpanField | None = None
    drift_over: SpanField | None = None
    per: Literal["min", "h", "hour", "day"] | None = None
    coverage: float = Field(default=0.7, gt=0, le=1)

    away_from: Written | None = None
    times_usual: float | None = Field(default=None, gt=1)
    over: SpanField | None = None

    will_reach: Written | None = None
    will_fall_to: Written | None = None
    before: Duration | None = None
    look_back: Duration | None = None
    at_least: int = Field(default=6, ge=3, le=90)
    restart_on_drop: Written | None = None

    missing_for: SpanField | None = None
    flagged: Annotated[list[str], BeforeValidator(_listed)] | None = None

    @property
    def view(self) -> str:
        """Which view of the quantity is judged; empty for its plain value."""
        return next((name for name in VIEWS if getattr(self, name) is not None), "")

    @model_validator(mode="after")
    def _fits_together(self) -> Limits:
        views = [name for name in VIEWS if getattr(self, name) is not None]
        if len(views) > 1:
            raise ValueError(f"{' and '.join(views)} exclude each other; write all: [...] with one each")
        limits = [name for name in ("above", "below", "outside", "equals") if getattr(self, name) is not None]
        alone = self.view in {"will_reach", "will_fall_to", "missing_for", "flagged", "times_usual"}
        if alone and limits:
            raise ValueError(f"{self.view} needs no limit beside it")
        if not alone and len(limits) != 1:
            raise ValueError("write exactly one of above, below, outside, is")
        self._clear_fits()
        self._view_fits()
        return self

    def _clear_fits(self) -> None:
        pairs = {"clear_below": "above", "clear_above": "below", "clear_inside": "outside"}
        for clear, limit in pairs.items():
            if getattr(self, clear) is not None and getattr(self, limit) is None:
                raise ValueError(f"{clear} belongs to {limit}")

    def _view_fits(self) -> None:
        timed = {"rate_over", "slope_over", "drift_over"}
        if (self.per is not None) != (self.view in timed):
            raise ValueError("per: min, hour or day belongs to rate_over, slope_over and drift_over")
        forecast = self.view in {"will_reach", "will_fall_to"}
        if forecast and (self.before is None or self.look_back is None):
            raise ValueError(f"{self.view} needs before: and look_back:")
        if not forecast and (self.before or self.look_back or self.restart_on_drop):
            raise ValueError("before, look_back and restart_on_drop belong to will_reach and will_fall_to")
        if (self.over is not None) != (self.view == "times_usual"):
            raise ValueError("over belongs to times_usual (the median of so long)")


class Happening(Strict):
    """Something that a camera or device reports: true from then until the rule's ``ends_after``."""

    kinds: Slugs = Field(alias="is")
    score_above: float | None = Field(default=None, ge=0, lt=1)


class Calendar(Strict):
    """A part of the week, in the site's time zone; ``between`` may cross midnight."""

    between: tuple[Minutes, Minutes] | None = None
    on: Annotated[list[Weekday], BeforeValidator(_listed)] | None = None
    holidays: Literal["same", "only", "never", "also"] = "same"

    @model_validator(mode="after")
    def _says_something(self) -> Calendar:
        if self.between is None and self.on is None and self.holidays == "same":
            raise ValueError("write between:, on: or holidays:")
        return self


class When(Strict):
    """One condition: a quantity with its limits, an event, a part of the week, or any/all/not of conditions."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    any_of: list[When] | None = Field(default=None, alias="any", min_length=1)
    all_of: list[When] | None = Field(default=None, alias="all", min_length=1)
    not_: When | None = Field(default=None, alias="not")
    event: Happening | None = None
    time: Calendar | None = None
    readings: dict[str, Limits] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _sorted(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "readings" in data:
            return data
        own = {"any", "all", "not", "event", "time"}
        if len(data) != 1:
            raise ValueError("write exactly one condition here; several are written all: [...] or any: [...]")
        named = {key: value for key, value in data.items() if key not in own}
        rest = {key: value for key, value in data.items() if key in own}
        return {**rest, "readings": named} if named else rest


class ForEach(Strict):
    """Which devices a rule looks at: every key narrows the choice; none means all.

    Attributes:
        kind: Function of the device (``bin``, ``water``, ``level``, ``structure``, ``soil``, ``weather``, ``gateway``,
            ``any``). A device without a model is of every kind: what it measures decides.
        tag: One of these must be among the device's ``tags``.
        not_tag: None of these may be.
        device: One of these.
    """

    kind: Literal[
        "any", "bin", "water", "level", "structure", "soil", "weather", "air", "other", "camera", "gateway"
    ] = "any"
    tag: Slugs = Field(default_factory=list)
    not_tag: Slugs = Field(default_factory=list)
    device: Slugs = Field(default_factory=list)


class Step(Strict):
    """One severity of a rule that has several; ``for``, ``keep`` and ``times`` default to the rule's."""

    severity: SeverityField
    when: When
    clear: When | None = None
    for_: SpanField | None = Field(default=None, alias="for")
    keep: SpanField | None = None
    times: TimesField | None = None


class Confirmed(Strict):
    """A second witness that raises the severity; it never delays the first."""

    for_each: ForEach = ForEach()
    when: When
    within: Duration
    same: Literal["device", "tag", "site"] = "tag"
    severity: SeverityField


class Name(Strict):
    """What people read."""

    zh: str
    en: str


class Act(Strict):
    """Something that is also done when a rule fires (linkage): an output of the site, or a camera's look.

    Attributes:
        output: Name of an output of the site.
        for_: How long it is on; default as long as it may be.
        text: What a loudspeaker or a screen says; default what the matter is called.
        camera: A camera, or ``nearest``.
        preset: Where it turns to.
        snapshot: And takes a picture.
        from_: Least severity at which it is done; default any.
    """

    output: Slug | None = None
    for_: Duration | None = Field(default=None, alias="for")
    text: Name | str = ""
    camera: Slug | None = None
    preset: str = Field(default="", max_length=60)
    snapshot: bool = False
    from_: SeverityField | None = Field(default=None, alias="from")

    @model_validator(mode="after")
    def _one_thing(self) -> Act:
        if (self.output is None) == (self.camera is None):
            raise ValueError("write output: or camera:, one for each entry of the list")
        if self.output is not None and (self.preset or self.snapshot):
            raise ValueError("preset and snapshot belong to camera:")
        if self.camera is not None and (self.for_ is not None or self.text):
            raise ValueError("for and text belong to output:")
        if self.camera is not None and not (self.preset or self.snapshot):
            raise ValueError("a camera is told a preset:, snapshot: true, or both")
        return self


def _story(value: Any) -> Any:
    return {"story": value} if isinstance(value, list) else value


class Story(Strict):
    """A scenario: lines of ``[time, what is read, state]``; told by :mod:`gateway.rules.scenario`.

    Attributes:
        story: The lines, in order of time.
        start: Local time of the first line's zero, ``YYYY-MM-DD HH:MM``.
        period: How often the device reports.
        repeat: Between two lines the last reading is said again this often.
        tags: Of the device.
    """

    story: list[list[Any]] = Field(min_length=1)
    start: str = Field(default="2026-07-18 08:00", pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d$")
    period: Duration = timedelta(minutes=10)
    repeat: Duration | None = None
    tags: Slugs = Field(default_factory=list)


class Rule(Strict):
    """One rule.

    Attributes:
        id: Unique; a site's rule with the same id changes the shipped one, key by key.
        name: What people read.
        source: Where each number comes from.
        enabled: False: checked, listed, not judged.
        placeholder: What must be filled in before it can be enabled; empty when nothing is missing.
        for_each: Which devices.
        when: The condition; or ``steps``, several severities of one occurrence.
        clear: A condition of its own for the end; without it the end of ``when`` is the end.
        for_: How long it must be true, in event time.
        keep: How long it must be over, in event time.
        times: How often it must be true.
        severity: How bad.
        latch: Firing stays until a person has confirmed it.
        ends_after: An event is over when it has not come again for this long.
        no_data: What no usable reading means: hold the state, alarm, or normal.
        blind: How long without a usable reading is too long; default six intervals, two hours at least.
        judge: Flags that count; by default GOOD and UNKNOWN, for safety quantities also SUSPECT and FAIL.
        confirmed_by: A second witness.
        tell: Roles that are told.
        batch: When less than critical is told: ``next_round``, ``digest``, ``08:00``, ``monday 08:00``.
        never_quiet: Quiet hours do not count. fire: Nobody can shelve it, it never counts as repeating itself, and
            only the provider's own limits hold it up.
        parent: The rule that speaks for this one: while it fires for the gateway, the same device, source or cell,
            this one is not told.
        order: ``auto``: firing opens a work order, which closes by itself when it is over unless it was orange or red.
        act: What is done beside telling people; only a site's own rule can name its outputs.
        scenario: Its own test.
    """

    id: Slug
    name: Name | str = ""
    source: str = ""
    enabled: bool = True
    placeholder: str = ""
    for_each: ForEach = ForEach()
    when: When | None = None
    steps: list[Step] | None = Field(default=None, min_length=1, max_length=8)
    clear: When | None = None
    for_: SpanField = Field(default=Span(), alias="for")
    keep: SpanField = Span()
    times: TimesField = Times(count=1)
    severity: SeverityField | None = None
    latch: bool = False
    ends_after: Duration = timedelta(minutes=10)
    no_data: Literal["hold", "alarm", "normal"] = "hold"
    blind: SpanField | None = None
    judge: list[Literal["GOOD", "UNKNOWN", "SUSPECT", "FAIL"]] | None = None
    confirmed_by: Confirmed | None = None
    tell: Slugs = Field(default_factory=list)
    batch: Annotated[str, BeforeValidator(_batch)] = ""
    never_quiet: bool = False
    fire: bool = False
    parent: Slug | None = None
    order: Literal["auto", "none"] = "none"
    act: list[Act] = Field(default_factory=list, max_length=10)
    scenario: Annotated[Story, BeforeValidator(_story)] | None = None

    @field_validator("source")
    @classmethod
    def _one_line(cls, source: str) -> str:
        return " ".join(source.split())

    @model_validator(mode="after")
    def _when_or_steps(self) -> Rule:
        if (self.when is None) == (self.steps is None):
            raise ValueError("write either when: with severity:, or steps:")
        if self.when is not None and self.severity is None:
            raise ValueError(f"severity is missing; write {', '.join(one.word for one in Severity)}")
        if self.steps is not None and (self.severity is not None or self.clear is not None):
            raise ValueError("with steps: each step has its own severity and clear")
        if self.enabled and self.placeholder:
            raise ValueError("is a placeholder: fill it in and remove placeholder:, or write enabled: false")
        return self

    def title(self, language: str) -> str:
        """What people read, in their language."""
        if isinstance(self.name, Name):
            return self.name.zh if language == "zh" else self.name.en
        return self.name or self.id

    def all_steps(self) -> list[Step]:
        """Its steps; a rule with ``when`` has one."""
        if self.steps is not None:
            return self.steps
        assert self.when is not None
        assert self.severity is not None
        return [Step(severity=self.severity, when=self.when, clear=self.clear)]


class RuleFile(Strict):
    """A file of rules."""

    version: Literal[1] = 1
    rules: list[dict[str, Any]]
