"""What every sink that speaks line protocol shares: entries in, lines out, and the proof that they arrive."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.clock import Clock
from gateway.contracts import Entry
from gateway.errors import GatewayError, Refused
from gateway.store.lineprotocol import Encoder, millis
from gateway.store.verdict import AllRefused

CHECK_MEASUREMENT = "gateway"
CHECK_FIELD = "sink_check"
OK = "ok"


class LineWriter(Protocol):
    """One way to hand lines to a server."""

    def write(self, lines: Sequence[str]) -> None:
        """Store them; raises like a sink's ``send``."""

    def steps(self, probe: Probe) -> list[tuple[str, Callable[[], object]]]:
        """What ``check`` tries, in order; each step raises when it fails."""

    def close(self) -> None:
        """Let the connection go."""


class Probe:
    """The point that a check writes and reads back: a figure of the gateway itself, unlike any before.

    Attributes:
        site: Slug of the site.
        at_ms: Its time, UTC milliseconds.
        value: What must be read back.
    """

    def __init__(self, site: str, at_ms: int) -> None:
        self.site = site
        self.at_ms = at_ms
        self.value = float(random.randrange(1, 1_000_000))  # noqa: S311 - tells two checks apart, guards nothing

    @property
    def line(self) -> str:
        """It as line protocol."""
        tags = f"site={self.site},device=gateway"
        return f"{CHECK_MEASUREMENT},{tags} {CHECK_FIELD}={self.value!r} {self.at_ms}"


class LineSink:
    """A sink over some :class:`LineWriter`.

    Args:
        encoder: Makes the lines.
        writer: Takes them.
        clock: Says what lies in the future, if it can be trusted.
        site: Slug of the site.
    """

    def __init__(self, encoder: Encoder, writer: LineWriter, clock: Clock, site: str) -> None:
        self._encoder = encoder
        self._writer = writer
        self._clock = clock
        self._site = site

    def send(self, entries: Sequence[Entry]) -> None:
        """See :class:`gateway.contracts.Sink`."""
        encoded = self._encoder.encode(entries, self._clock.now() if self._clock.trusted() else None)
        try:
            if encoded.lines:
                self._writer.write(encoded.lines)
        except AllRefused as refused:
            shared = len(encoded.lines) + len(encoded.refused) < len(entries)
            if shared and "field" in str(refused):
                raise Refused(
                    str(refused)
                ) from refused  # one field spoils its line; its neighbours are innocent
            culprits = {index: encoded.refused.get(index, str(refused)) for index in range(len(entries))}
            raise Refused(str(refused), culprits) from refused
        if encoded.refused:
            raise Refused(next(iter(encoded.refused.values())), encoded.refused)

    def check(self) -> list[tuple[str, str]]:
        """See :class:`gateway.contracts.Sink`; the steps are the writer's."""
        results: list[tuple[str, str]] = []
        for name, step in self._writer.steps(Probe(self._site, millis(self._clock.now()))):
            try:
                step()
            except GatewayError as error:
                return [*results, (name, str(error))]
            results.append((name, OK))
        return results

    def close(self) -> None:
        """Let the connection go."""
        self._writer.close()
