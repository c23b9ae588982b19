"""Any, all, not: with three answers, so that what is not known neither fires nor ends anything."""

from __future__ import annotations

from gateway.model import Fact
from gateway.rules.conditions.condition import Condition


class _Group(Condition):
    """Several conditions."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[Condition]) -> None:
        super().__init__()
        self.parts = parts

    def due(self, now: float) -> float:
        """The earliest of all."""
        return min(part.due(now) for part in self.parts)


class AnyOf(_Group):
    """One is enough; what the device has never said does not count (it may not have such a sensor)."""

    __slots__ = ("_told",)

    def __init__(self, parts: list[Condition]) -> None:
        super().__init__(parts)
        self._told = parts[0]

    def judge(self, now: float) -> bool | None:
        """True when one is; False only when all are."""
        unknown = heard = False
        for part in self.parts:
            answer = part.judge(now)
            if answer is True:
                self._told, self.figure = part, part.figure
                return True
            if answer is False:
                self._told = self._told if heard else part
                heard = True
            else:
                unknown = unknown or not part.never
        self.figure = self._told.figure
        return False if heard and not unknown else None

    def facts(self) -> tuple[Fact, ...]:
        """Of the one that decided."""
        return self._told.facts()

    def reason(self) -> str:
        """Of the one that decided."""
        return self._told.reason()


class AllOf(_Group):
    """All are needed."""

    __slots__ = ()

    def judge(self, now: float) -> bool | None:
        """False when one is; True only when all are."""
        answers = [part.judge(now) for part in self.parts]
        self.figure = next((part.figure for part in self.parts if part.figure is not None), None)
        if False in answers:
            return False
        return None if None in answers else True

    def facts(self) -> tuple[Fact, ...]:
        """All of them."""
        return tuple(fact for part in self.parts for fact in part.facts())

    def reason(self) -> str:
        """All of them."""
        return " and ".join(said for part in self.parts if (said := part.reason()))


class Not(_Group):
    """The opposite."""

    __slots__ = ()

    def judge(self, now: float) -> bool | None:
        """What is not known stays not known."""
        answer = self.parts[0].judge(now)
        self.figure = self.parts[0].figure
        return None if answer is None else not answer

    def facts(self) -> tuple[Fact, ...]:
        """Of the opposite."""
        return tuple(Fact(fact.key, {**fact.values, "not": "1"}) for fact in self.parts[0].facts())

    def reason(self) -> str:
        """Of the opposite."""
        return "not " + self.parts[0].reason()
