"""Blindness is an alert: a series that rules depend on has said nothing usable for too long.

One alert for each series, not for each rule. A device that is known to be away is not blind: the rule for silent
devices speaks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.model import AlertChange, AlertState, Fact, Severity, split_series
from gateway.rules.instance import time_of
from gateway.schema import in_words

BLIND = "blind"
_LOOK_S = 60.0


class Blindness:
    """Who is blind, by series, on the gateway's clock."""

    def __init__(self) -> None:
        self._watched: dict[str, tuple[float, Severity]] = {}
        self._heard: dict[str, float] = {}
        self._blind: dict[str, float] = {}
        self._away: set[str] = set()
        self._looked = float("-inf")

    def watch(self, series: str, limit: float, *, safety: bool) -> None:
        """A rule depends on a series; the most impatient one counts."""
        known = self._watched.get(series)
        severity = Severity.YELLOW if safety else Severity.INFO
        self._watched[series] = (min(limit, known[0]) if known else limit, severity)

    def online(self, device: str, *, here: bool) -> None:
        """The device is known to be away, or back."""
        if not here:
            self._away.add(device)
        elif device in self._away:
            self._away.discard(device)
            self._heard = {
                series: heard for series, heard in self._heard.items() if split_series(series)[0] != device
            }

    def usable(self, series: str, now: float, at: float) -> list[AlertChange]:
        """A usable reading: seen again."""
        self._heard[series] = now
        since = self._blind.pop(series, None)
        return [self._change(series, at, since, now)] if since is not None else []

    def tick(self, now: float) -> list[AlertChange]:
        """Time has passed."""
        if now - self._looked < _LOOK_S:
            return []
        self._looked = now
        found = []
        for series, (limit, _) in self._watched.items():
            heard = self._heard.setdefault(series, now)  # the clock of blindness starts with the gateway's
            if series in self._blind or now - heard < limit or split_series(series)[0] in self._away:
                continue
            self._blind[series] = now
            found.append(self._change(series, now, None, now))
        return found

    def shift(self, by: float) -> None:
        """The clock was stepped."""
        self._heard = {series: heard + by for series, heard in self._heard.items()}
        self._looked = float("-inf")

    def shown(self) -> list[tuple[str, float, Severity]]:
        """Who is blind, since when."""
        return [(series, since, self._severity(series)) for series, since in self._blind.items()]

    def memory(self) -> dict[str, float]:
        """Who is blind since when."""
        return dict(self._blind)

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Take it back."""
        self._blind = {str(series): float(since) for series, since in memory.items()}

    def forget(self, series: str) -> None:
        """No rule depends on it any more."""
        self._blind.pop(series, None)

    def _severity(self, series: str) -> Severity:
        return self._watched.get(series, (0.0, Severity.INFO))[1]

    def _change(self, series: str, at: float, since: float | None, now: float) -> AlertChange:
        begins = since is None
        limit = self._watched.get(series, (now - (since or now), Severity.INFO))[0]
        quantity = split_series(series)[1]
        span = in_words(time_of(limit) - time_of(0.0))
        return AlertChange(
            at=time_of(at),
            rule=BLIND,
            target=series.replace("/", ":", 1),
            before=AlertState.NORMAL if begins else AlertState.FIRING,
            after=AlertState.FIRING if begins else AlertState.NORMAL,
            severity=self._severity(series),
            value=None,
            reason=f"no usable {quantity} for {span}" if begins else f"{quantity} is usable again",
            since=time_of(at if since is None else since),
            facts=(Fact("blind_for" if begins else "usable", {"quantity": quantity, "span": span}),),
        )
