"""Lets evidence go in time also when nobody looks any more: no worker runs, or its source has left the site file.

A running worker does the same for its own folder; who comes first deletes, and only he writes it down.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.evidence.pictures import FOLDER, Place
from gateway.evidence.retention import KEEP, LARGEST_BYTES, tidy
from gateway.evidence.shelf import Shelf

EVERY_S = 3600.0  # gone within 24 h of its term (reliability reference P20)

_log = logging.getLogger(__name__)


class Warden:
    """Goes round once an hour.

    Args:
        state_dir: Of the house; evidence that sources have left lies in it.
        clock: The house's.
        places: Where evidence of today's sources lies.
    """

    def __init__(self, state_dir: Path, clock: Clock, places: Callable[[], Mapping[str, Place]]) -> None:
        self._state_dir = state_dir
        self._clock = clock
        self._places = places
        self._deleted: Counter[str] = Counter()
        self._kept = self._bytes = 0
        self._problem = ""

    async def run(self) -> None:
        """For as long as the house stands."""
        while True:
            await asyncio.to_thread(self.round)
            await self._clock.sleep(EVERY_S)

    def round(self) -> None:
        """Once; a folder that cannot be tidied does not keep the others from it."""
        self._kept, self._bytes, self._problem = 0, 0, ""
        terms = {place.root: (place.keep, place.largest) for place in self._places().values()}
        for left in self._state_dir.glob(f"sources/*/{FOLDER}"):
            terms.setdefault(left, (KEEP, LARGEST_BYTES))
        for root, (keep, largest) in terms.items():
            try:
                self._tidy(root, keep, largest)
            except (GatewayError, OSError) as error:
                self._problem = str(error)
                _log.warning("evidence not tidied folder=%s why=%s", root, error)

    def status(self) -> dict[str, Any]:
        """Figures, plain data."""
        return {
            "there": self._kept,
            "bytes": self._bytes,
            "deleted": dict(self._deleted),
            "error": self._problem,
        }

    def _tidy(self, root: Path, keep: timedelta, largest: int) -> None:
        trusted = self._clock.trusted()
        done = tidy(Shelf(root), self._clock.now(), trusted=trusted, keep=keep, largest=largest)
        self._deleted.update(done.deleted)
        self._kept += done.kept
        self._bytes += done.kept_bytes
        if done.deleted:
            _log.info("evidence deleted folder=%s %s", root, dict(done.deleted))
