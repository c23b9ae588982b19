"""Events against truth. Pure.

A truth is found by the first alarm of its kind within its time; further alarms of that kind in the clip belong to it.
One that comes later than that was late: not found, and not false. Everything else that was said is a false alarm: in
clips without a truth, and in the others before or beside it. A rate per hour is told of the clips without a truth only;
with no false alarm in them it is known to be below 3 divided by their hours, with 95 % confidence, and no better.

Source: vision reference 5.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from detectors.evaluation.truth import Truth
from gateway.rates import at_most


@dataclass(frozen=True, slots=True)
class Said:
    """One event of a detector.

    Attributes:
        kind: What. state: ``candidate``, ``confirmed`` ... review: Only worth a look.
        stream_s: When, in the clip's time. score: How sure.
    """

    kind: str
    state: str
    review: bool
    stream_s: float
    score: float = 0.0

    @property
    def alarm(self) -> bool:
        """People are told."""
        return self.state == "confirmed" and not self.review


@dataclass(frozen=True, slots=True)
class Outcome:
    """One clip.

    Attributes:
        truth: What happens. seconds: How long the clip is.
        found_s: When the alarm came that found it; ``None``: none did.
        level: The most that was said of the truth: ``alarm``, ``late``, ``review``, ``candidate`` or empty.
        false: Kinds of the false alarms.
        reviews: Items worth a look that are not the truth. candidates: Mere candidates that are not.
        ms: Per picture, on this machine.
    """

    truth: Truth
    seconds: float
    found_s: float | None
    level: str
    false: tuple[str, ...]
    reviews: int
    candidates: int
    ms: float


@dataclass(frozen=True, slots=True)
class Report:
    """All clips together. Rates are false alarms per hour of clips without a truth."""

    truths: int
    found: int
    late: int
    noticed: int
    false: int
    false_in_quiet: int
    reviews_in_quiet: int
    quiet_hours: float
    rate: float | None
    rate_below: float | None
    review_rate: float | None
    precision: float | None
    recall: float | None
    delay_median_s: float | None
    delay_worst_s: float | None
    ms: float


def outcome(
    truth: Truth, findable: Iterable[str], said: Sequence[Said], *, seconds: float, ms: float
) -> Outcome:
    """What became of one clip.

    Args:
        truth: What happens in it.
        findable: Truths that these detectors can find; a clip with another one is a quiet clip to them.
        said: Their events, in order of time.
        seconds: Length of the clip.
        ms: Per picture.
    """
    here = truth if truth.kind in set(findable) else Truth(truth.file, truth.path, "", None, truth.note)
    mine = [one for one in said if here.answered_by(one.kind) and here.begun(one.stream_s)]
    first = next((one for one in mine if one.alarm and here.in_time(one.kind, one.stream_s)), None)
    others = [one for one in said if one not in mine]
    return Outcome(
        here,
        seconds,
        None if first is None else first.stream_s,
        _level(mine, here),
        tuple(one.kind for one in others if one.alarm),
        sum(one.state == "confirmed" and one.review for one in others),
        sum(one.state == "candidate" for one in others),
        ms,
    )


def report(outcomes: Sequence[Outcome]) -> Report:
    """All clips together."""
    truths = [one for one in outcomes if one.truth.kind]
    quiet = [one for one in outcomes if not one.truth.kind]
    found = [one for one in truths if one.found_s is not None]
    false = sum(len(one.false) for one in outcomes)
    in_quiet = sum(len(one.false) for one in quiet)
    reviews = sum(one.reviews for one in quiet)
    hours = sum(one.seconds for one in quiet) / 3600
    delays = [
        one.found_s - one.truth.at_s
        for one in found
        if one.found_s is not None and one.truth.at_s is not None
    ]
    return Report(
        truths=len(truths),
        found=len(found),
        late=sum(one.level == "late" for one in truths),
        noticed=sum(bool(one.level) for one in truths),
        false=false,
        false_in_quiet=in_quiet,
        reviews_in_quiet=reviews,
        quiet_hours=hours,
        rate=in_quiet / hours if hours else None,
        rate_below=at_most(in_quiet) / hours if hours else None,
        review_rate=reviews / hours if hours else None,
        precision=len(found) / (len(found) + false) if found or false else None,
        recall=len(found) / len(truths) if truths else None,
        delay_median_s=statistics.median(delays) if delays else None,
        delay_worst_s=max(delays) if delays else None,
        ms=statistics.fmean(one.ms for one in outcomes) if outcomes else 0.0,
    )


def plain(outcomes: Sequence[Outcome], whole: Report) -> dict[str, object]:
    """As JSON."""
    clips: list[Mapping[str, object]] = [
        {
            "file": one.truth.file,
            "truth": one.truth.kind or None,
            "time_s": one.truth.at_s,
            "seconds": round(one.seconds, 2),
            "level": one.level or None,
            "alarm_s": None if one.found_s is None else round(one.found_s, 2),
            "false_alarms": list(one.false),
            "reviews": one.reviews,
            "candidates": one.candidates,
            "ms": round(one.ms, 2),
        }
        for one in outcomes
    ]
    figures = {name: getattr(whole, name) for name in Report.__dataclass_fields__}
    rounded = {
        name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()
    }
    return {"clips": clips, "report": rounded}


def _level(said: Sequence[Said], here: Truth) -> str:
    if any(one.alarm for one in said):
        return "alarm" if any(one.alarm and here.in_time(one.kind, one.stream_s) for one in said) else "late"
    if any(one.state == "confirmed" for one in said):
        return "review"
    return "candidate" if any(one.state == "candidate" for one in said) else ""
