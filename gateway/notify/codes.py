"""The few digits in a message by which its reader answers: given out here, found again here.

Six digits from the system's own random source: with a hundred codes alive, one guess in ten thousand meets one, and
who guesses is stopped after a few (:class:`Guesses`). A code is one person's for one occurrence of one alert (or for
one order), lives 24 h, and is the same in all messages of that matter to him (alerting reference 3, row 14).
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.model import Code, Outgoing, Telling
from gateway.words import Words

LIVES = timedelta(hours=24)
DIGITS = 6
SILENT_KINDS = frozenset({"resolved", "past", "reply"})  # nothing is asked of who reads them
MOST_WRONG = 10
WRONG_WITHIN_S = 600.0

Key = tuple[str, str, str, int]


class Codes:
    """All codes that mean something now. Any thread may ask.

    Args:
        choose: A number below another, not to be foreseen.
    """

    def __init__(self, choose: Callable[[int], int] = secrets.randbelow) -> None:
        self._choose = choose
        self._lock = threading.Lock()
        self._by_digits: dict[str, Code] = {}
        self._by_matter: dict[Key, str] = {}
        self.page = ""

    def learn(self, codes: Iterable[Code]) -> None:
        """What was given out before a restart."""
        with self._lock:
            for code in codes:
                self._keep(code)

    def on(self, telling: Telling, *, order: bool) -> Telling:
        """The same telling with a code for each message that asks for a deed, among its variables.

        Args:
            telling: Not queued yet. Who is told once more keeps his code, and it lives on.
            order: A job belongs to it: it can be accepted and done by the code as well.
        """
        rows: list[Outgoing] = []
        given: dict[str, Code] = {}
        more = {"ask": "order" if order else "alert", **({"page": self.page} if self.page else {})}
        for row in telling.rows:
            if row.kind in SILENT_KINDS or not row.person:
                rows.append(row)
                continue
            code = given.get(row.person) or self._give(row.person, telling)
            given[row.person] = code
            rows.append(replace(row, variables={**row.variables, "code": code.digits, **more}))
        if telling.again is not None:
            given |= {code.person: code for code in self._renewed(telling)}
        return replace(telling, rows=tuple(rows), codes=tuple(given.values()))

    def find(self, digits: str, now: datetime) -> Code | None:
        """What a code stands for now."""
        with self._lock:
            code = self._by_digits.get(digits)
            return code if code is not None and now < code.until else None

    def of(self, person: str, now: datetime) -> list[Code]:
        """Everything that somebody can answer now, the newest last."""
        with self._lock:
            found = [one for one in self._by_digits.values() if one.person == person and now < one.until]
        return sorted(found, key=lambda one: one.until)

    def _give(self, person: str, telling: Telling) -> Code:
        key = (person, telling.rule, telling.target, telling.occurrence)
        with self._lock:
            self._forget(telling.now)
            digits = self._by_matter.get(key) or self._fresh()
            code = Code(digits, person, telling.rule, telling.target, telling.occurrence, telling.now + LIVES)
            self._keep(code)
            return code

    def _renewed(self, telling: Telling) -> list[Code]:
        """The codes of a matter live on."""
        with self._lock:
            matter = telling.rule, telling.target
            found = [
                replace(one, until=telling.now + LIVES)
                for one in self._by_digits.values()
                if (one.rule, one.target) == matter and telling.now < one.until
            ]
            for code in found:
                self._keep(code)
            return found

    def _fresh(self) -> str:
        while True:
            digits = f"{self._choose(10**DIGITS):0{DIGITS}d}"
            if digits not in self._by_digits and digits[0] != "0":  # a telephone may eat a leading nought
                return digits

    def _keep(self, code: Code) -> None:
        self._by_digits[code.digits] = code
        self._by_matter[code.person, code.rule, code.target, code.occurrence] = code.digits

    def _forget(self, now: datetime) -> None:
        for digits in [digits for digits, one in self._by_digits.items() if one.until <= now]:
            gone = self._by_digits.pop(digits)
            self._by_matter.pop((gone.person, gone.rule, gone.target, gone.occurrence), None)


def asks(kind: str, variables: Mapping[str, str], say: Words) -> str:
    """The lines below a message that say how it is answered; empty when nothing is asked."""
    code = variables.get("code")
    if not code or kind in SILENT_KINDS:
        return ""
    asked = say("code.order" if variables.get("ask") == "order" else "code.alert", code=code)
    page = variables.get("page")
    return "\n".join([asked, *([say("code.page", page=page)] if page else [])])


def coded(line: str, kind: str, variables: Mapping[str, str]) -> str:
    """A line of a list with its code."""
    code = variables.get("code")
    return line if not code or kind in SILENT_KINDS else f"{line} [{code}]"


class Guesses:
    """How often somebody has said a code that is none; too often, and he is not listened to for a while."""

    def __init__(self) -> None:
        self._wrong: dict[str, deque[float]] = {}

    def blocked(self, who: str, now: float) -> bool:
        """Whether he has guessed too often in the last ten minutes."""
        times = self._wrong.get(who)
        while times and now - times[0] > WRONG_WITHIN_S:
            times.popleft()
        return times is not None and len(times) >= MOST_WRONG

    def wrong(self, who: str, now: float) -> None:
        """One more."""
        self._wrong.setdefault(who, deque(maxlen=MOST_WRONG)).append(now)
        while len(self._wrong) > 1000:
            self._wrong.pop(next(iter(self._wrong)))
