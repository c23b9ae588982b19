"""What an evaluation says to a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detectors.evaluation.score import Outcome, Report


def lines(outcomes: Sequence[Outcome], whole: Report) -> Iterator[str]:
    """One line a clip, then the figures and what they are worth."""
    width = max((len(one.truth.file) for one in outcomes), default=4)
    head = f"{'clip':<{width}}  {'truth':<16}{'at':>6}  {'said':<10}{'alarm':>7}"
    yield f"{head}  {'false':>5} {'looks':>5} {'cand.':>5}  {'ms':>6}"
    for one in outcomes:
        at = "" if one.truth.at_s is None else f"{one.truth.at_s:.1f}"
        alarm = "" if one.found_s is None else f"{one.found_s:.1f}"
        yield (
            f"{one.truth.file:<{width}}  {one.truth.kind or '-':<16}{at:>6}  {one.level or '-':<10}{alarm:>7}"
            f"  {len(one.false):>5} {one.reviews:>5} {one.candidates:>5}  {one.ms:>6.1f}"
        )
    yield ""
    recall = _percent(", recall", whole.recall)
    late = f", {whole.late} late" if whole.late else ""
    yield f"found       {whole.found} of {whole.truths} by an alarm{late}, {whole.noticed} noticed at all{recall}"
    yield f"alarms      {whole.false} false{_percent(', precision', whole.precision)}"
    if whole.delay_median_s is not None:
        yield f"delay       median {whole.delay_median_s:.1f} s, worst {whole.delay_worst_s:.1f} s after the truth"
    yield f"cost        {whole.ms:.1f} ms a picture on this machine"
    yield from _quiet(whole)


def _quiet(whole: Report) -> Iterator[str]:
    if whole.rate is None:
        yield "quiet       no clip without a truth: nothing is known about false alarms"
        return
    minutes = whole.quiet_hours * 60
    yield (
        f"quiet       {whole.false_in_quiet} false alarms, {whole.reviews_in_quiet} looks in {minutes:.1f} min:"
        f" {whole.rate:.2g} alarms an hour, with 95 % confidence below {whole.rate_below:.2g}"
    )
    if whole.rate_below is not None and whole.rate_below > 0.04:
        hours = 3 / 0.04
        yield (
            f"            one alarm a camera and day is 0.04 an hour: to show that takes {hours:.0f} hours without one;"
            " see shadow in docs/traffic-and-building.md"
        )


def _percent(word: str, share: float | None) -> str:
    return "" if share is None else f"{word} {100 * share:.0f} %"
