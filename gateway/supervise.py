"""Keep one source alive: open, read, back off, reopen.

The one place where an unexpected exception of a source is caught: it quarantines that source, and only that source.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from gateway.bus import Bus
from gateway.clock import Clock
from gateway.contracts import Driver, SourceHealth
from gateway.errors import Lost
from gateway.model import Delivery, Event

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
QUARANTINE_S = 600.0  # a bug may depend on one message: nobody drives 40 km to restart a box
SETTLED_S = 60.0  # open for this long: the next loss starts again with a short pause

_log = logging.getLogger(__name__)


async def keep_alive(
    name: str,
    make: Callable[[], Driver],
    *,
    health: SourceHealth,
    bus: Bus,
    clock: Clock,
    opened: asyncio.Event,
) -> None:
    """Run one source for ever.

    Args:
        name: For logs and events.
        make: Builds a fresh driver for each attempt.
        health: Where its state is shown.
        bus: Where its deliveries go.
        clock: For pauses and time stamps.
        opened: Set after the first attempt has ended either way, so that start-up can say "ready".
    """
    pause = FIRST_PAUSE_S
    while True:
        health.state = "opening" if health.state != "lost" else "lost"
        began = clock.monotonic()
        try:
            await _run_once(name, make(), health, bus, opened)
            problem = "ended by itself"
        except Lost as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001  # the one place: a bug in one source must not silence the others
            _log.exception("source quarantined name=%s retry_s=%s", name, QUARANTINE_S)
            health.state = "quarantined"
            health.bad(f"{type(error).__name__}: {error}")
            opened.set()
            at = clock.now()
            detail = {"error": f"{type(error).__name__}: {error}"[:200]}
            await bus.put(Delivery((Event(name, "source_quarantined", at, at, detail=detail),)))
            await clock.sleep(QUARANTINE_S)
            health.reopened += 1
            continue
        if health.state != "lost":
            _log.warning("source lost name=%s reason=%s", name, problem)
        health.state = "lost"
        health.last_error = problem
        opened.set()
        pause = FIRST_PAUSE_S if clock.monotonic() - began > SETTLED_S else pause
        await clock.sleep(random.uniform(0.2, 1.0) * pause)  # noqa: S311  # jitter, not a secret
        pause = min(pause * 2, LONGEST_PAUSE_S)
        health.reopened += 1


async def _run_once(name: str, driver: Driver, health: SourceHealth, bus: Bus, opened: asyncio.Event) -> None:
    async with driver:
        if health.state == "lost":
            _log.info("source back name=%s", name)
        health.state = "open"
        opened.set()
        async for delivery in driver.observations():
            await bus.put(delivery)
