"""What every condition owes: it hears, it is asked, it can be remembered. Times are seconds since 1970, told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.model import Fact
from gateway.rules.state import INF


class Condition:
    """One condition for one target; the default of everything is "does not concern me".

    Attributes:
        figure: What was judged last; ``None`` before that.
    """

    __slots__ = ("figure",)

    def __init__(self) -> None:
        self.figure: float | None = None

    def hear(self, at: float, value: float) -> None:
        """A usable reading, not older than any before it."""

    def late(self, at: float, value: float) -> None:
        """A usable reading that is older than the newest."""

    def heard(self, now: float) -> None:
        """A usable reading came, on the gateway's clock."""

    def complained(self, quantity: str, reasons: frozenset[str]) -> bool:
        """A reading of any flag came, with the reasons of its flag.

        Returns:
            Whether that is worth judging.
        """
        del quantity, reasons
        return False

    def happened(self, kind: str, at: float, score: float) -> None:
        """An event came."""

    def judge(self, now: float) -> bool | None:
        """Whether it holds; ``None`` while it cannot be known."""
        raise NotImplementedError

    def due(self, now: float) -> float:
        """When the answer may change by time alone."""
        del now
        return INF

    def shift(self, by: float) -> None:
        """The clock was stepped."""

    def memory(self) -> Any:
        """What must outlive a restart, plain data; ``None`` when nothing must."""
        return None

    def restore(self, memory: Any) -> None:
        """Take it back."""

    def reason(self) -> str:
        """The answer in a few words and numbers."""
        return ""

    def facts(self) -> tuple[Fact, ...]:
        """The same as facts, to be said in any language."""
        return ()

    @property
    def never(self) -> bool:
        """It has never heard anything: the device may not even have what it asks for."""
        return False

    @property
    def span(self) -> float:
        """How much of the past it looks at [s]; read back from the journal after a restart."""
        return 0.0


class Sided(Condition):
    """A condition that stands on one side of a limit, and stays there until it hears otherwise.

    Missing data never moves it; after a restart it is where it was, so that a dead band is not decided anew.
    """

    __slots__ = ("_side",)

    def __init__(self) -> None:
        super().__init__()
        self._side: bool | None = None

    def judge(self, now: float) -> bool | None:
        """The side it is on; ``None`` while too little is known."""
        del now
        return self._side

    def memory(self) -> Any:
        """The side, when it is the far one."""
        return True if self._side else None

    def restore(self, memory: Any) -> None:
        """Take the side back."""
        if memory is True:
            self._side = True

    @property
    def never(self) -> bool:
        """Nothing was ever judged."""
        return self._side is None


def moment(at: datetime) -> float:
    """A time as seconds since 1970."""
    return at.timestamp()
