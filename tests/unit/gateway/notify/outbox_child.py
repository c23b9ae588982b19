"""A journal with messages, and a lane that hands them over; a test lets it die on the way.

``begin``: one critical message and one notice. ``list``: a critical one and three notices that go as one message.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from gateway.clock import ManualClock
from gateway.contracts import Delivered
from gateway.model import Delivery, Note, Notice
from gateway.notify.outbox import Lane, Steps
from gateway.rules.telling import event_of
from gateway.settings import StoreSettings
from gateway.site import load_words
from gateway.store.journal import Journal
from tests.conftest import NOON
from tests.telling import change, rule, teller


class Written:
    """A far end that survives the gateway: what it was given lies in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def unfit(self, notice: Notice) -> str:
        return ""

    def deliver(self, notice: Notice) -> Delivered:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{notice.subject} {notice.text}\n".replace("\n", " ").strip() + "\n")
        return Delivered("", "taken", "delivered")

    def close(self) -> None:
        pass


KINDS = {
    "begin": (("fire", "red"), ("full", "blue")),
    "list": (("fire", "red"), ("full", "blue"), ("damp", "blue"), ("dry", "blue")),
    "again": (),
}


async def main(root: Path, what: str) -> None:
    clock = ManualClock(NOON)
    journal = Journal(root, clock, StoreSettings(), boot="boot-1")
    journal.open()
    lane = Lane(
        "chat", Written(root / "heard"), journal, clock, steps=Steps(clock), words={"en": load_words("en")}
    )
    for name, severity in KINDS[what]:
        news = change(severity, name=name)
        telling = teller(rule(name, [])).telling(news, NOON)
        assert telling is not None
        note = Note("matter", f"{name} house-7", "{}")
        await journal.append(Delivery((event_of(news, NOON),), tellings=(telling,), notes=(note,)))
    clock.move_to(NOON + timedelta(seconds=90))  # what waits for others of its kind has waited
    while lane.step() == 0:
        continue
    journal.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
