"""A rule in words, for somebody who has not written it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from gateway.rules.language import Amount, Limits, Rule, Span, Step, Times, When
from gateway.schema import in_words


def explained(rule: Rule) -> Iterator[str]:
    """Line by line: at what it looks, what makes it fire, what ends it, whom it tells."""
    which = rule.for_each
    chosen_by = [f"kind {which.kind}"] if which.kind != "any" else []
    chosen_by += [
        f"{word} {', '.join(tags)}" for word, tags in (("tag", which.tag), ("without", which.not_tag)) if tags
    ]
    chosen_by += which.device
    yield f"looks at    {'; '.join(chosen_by) or 'every device'}"
    for step in rule.all_steps():
        yield f"{step.severity.word:<12}{_condition(step.when)}{_patience(rule, step)}"
        if step.clear is not None:
            yield f"{'':<12}is over when {_condition(step.clear)}"
    if rule.confirmed_by is not None:
        by = rule.confirmed_by
        yield (
            f"{by.severity.word:<12}when confirmed within {in_words(by.within)} (same {by.same}) by"
            f" {_condition(by.when)}"
        )
    if rule.latch:
        yield "latched     fires until a person has confirmed it"
    if rule.no_data != "hold":
        yield f"no data     means {rule.no_data}"
    if rule.judge is not None:
        yield f"judges      {', '.join(rule.judge)}"
    more = [f"batch {rule.batch}"] if rule.batch else []
    more += ["never quiet"] if rule.never_quiet else []
    more += [f"under {rule.parent}"] if rule.parent else []
    yield f"tells       {', '.join([*rule.tell, *more]) or '-'}"


def _patience(rule: Rule, step: Step) -> str:
    words = []
    hold, keep, times = step.for_ or rule.for_, step.keep or rule.keep, step.times or rule.times
    if hold != Span():
        words.append(f"for {_span(hold)}")
    if times != Times(count=1):
        words.append(f"{times.count} times {f'within {_span(times.within)}' if times.within else 'in a row'}")
    if keep != Span():
        words.append(f"over after {_span(keep)}")
    if _happens(step.when):
        words.append(f"over when not seen for {in_words(rule.ends_after)}")
    return f"  [{'; '.join(words)}]" if words else ""


def _happens(when: When) -> bool:
    inner = [*(when.any_of or ()), *(when.all_of or ()), *([when.not_] if when.not_ else [])]
    return when.event is not None or any(_happens(one) for one in inner)


def _condition(when: When) -> str:
    if when.any_of is not None:
        return "any of (" + "; ".join(_condition(one) for one in when.any_of) + ")"
    if when.all_of is not None:
        return "all of (" + "; ".join(_condition(one) for one in when.all_of) + ")"
    if when.not_ is not None:
        return f"not ({_condition(when.not_)})"
    if when.event is not None:
        score = (
            f" with a score above {when.event.score_above:g}" if when.event.score_above is not None else ""
        )
        return f"event {' or '.join(when.event.kinds)}{score}"
    if when.time is not None:
        return "at its time of the week"
    name, limits = next(iter(when.readings.items()))
    return f"{name} {_limits(limits)}"


def _limits(limits: Limits) -> str:
    """The fields as they are written, in their order, what is judged first."""
    words = []
    said = limits.model_dump(exclude_unset=True, by_alias=True)
    for key in sorted(said, key=lambda key: key != limits.view):
        value = getattr(limits, "equals" if key == "is" else key)
        words.append(f"{key.replace('_', ' ')} {_value(value)}")
    return ", ".join(words)


def _value(value: object) -> str:
    if isinstance(value, tuple | list):
        return (
            " to ".join(_value(one) for one in value)
            if isinstance(value, tuple)
            else " or ".join(map(_value, value))
        )
    if isinstance(value, Span):
        return _span(value)
    if isinstance(value, Amount):
        return f"{value.number:g} {value.unit}".rstrip()
    if isinstance(value, timedelta):
        return in_words(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _span(span: Span) -> str:
    return f"{span.intervals:g} intervals" if span.intervals else in_words(span.fixed)
