"""When evidence goes: after its term, or when there is too much of it; the oldest first, every deletion written down.

Age is the date of the folder against today, so a box that was off for weeks deletes at its first start what has run
out meanwhile. Nobody deletes by age while the clock is not to be believed; what was kept under such a clock is laid
into the folder of the first day that is known. Public-security video systems must keep records for 30 days at least and
delete them when their purpose is done (reliability reference, "Privacy"): the term is a setting both ways.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from gateway.evidence.notebook import DELETED, append, lines
from gateway.evidence.shelf import Item, Shelf

KEEP = timedelta(days=30)
LARGEST_BYTES = 2_000_000_000  # reliability reference P6: 2 GB of evidence


@dataclass
class Tidied:
    """What one round has done.

    Attributes:
        deleted: Reason (``age``, ``size``) -> how many.
        freed: Bytes.
        redated: Laid into the folder of a day that is known.
        kept: What is left. kept_bytes: Their size.
    """

    deleted: Counter[str] = field(default_factory=Counter)
    freed: int = 0
    redated: int = 0
    kept: int = 0
    kept_bytes: int = 0


def tidy(
    shelf: Shelf,
    now: datetime,
    *,
    trusted: bool,
    keep: timedelta = KEEP,
    largest: int = LARGEST_BYTES,
) -> Tidied:
    """One round: by age, then by size.

    Args:
        shelf: All evidence.
        now: The wall clock, aware UTC.
        trusted: Whether it is to be believed.
        keep: The term; a day is deleted when all of it is older.
        largest: Most bytes kept.
    """
    done = Tidied()
    left = []
    for item in shelf.items():
        if trusted and item.meta.get("doubtful"):
            meta = {key: value for key, value in item.meta.items() if key != "doubtful"}
            left.append(shelf.move(item, now.date(), {**meta, "dated": now.date().isoformat()}))
            done.redated += 1
        elif trusted and date.fromisoformat(item.day) < now.date() - keep:
            _delete(shelf, item, "age", now, done)
        else:
            left.append(item)
    left.sort(key=lambda item: (item.day, str(item.meta.get("at", ""))))
    total = sum(size_on_disk(item) for item in left)
    for item in left:
        if total <= largest:
            done.kept += 1
            continue
        total -= size_on_disk(item)
        _delete(shelf, item, "size", now, done)
    done.kept_bytes = total
    return done


def delete(shelf: Shelf, items: Iterable[Item], now: datetime) -> Tidied:
    """By hand."""
    done = Tidied()
    for item in items:
        _delete(shelf, item, "hand", now, done)
    return done


def size_on_disk(item: Item) -> int:
    """All that lies in its folder, listed or not [bytes]."""
    try:
        return sum(path.stat().st_size for path in item.folder.iterdir())
    except OSError:
        return item.size


def totals(shelf: Shelf) -> dict[str, int]:
    """How much has been deleted so far, by reason."""
    return dict(Counter(str(line.get("why", "?")) for line in lines(shelf.root / DELETED)))


def _delete(shelf: Shelf, item: Item, why: str, now: datetime, done: Tidied) -> None:
    size = size_on_disk(item)
    if not shelf.remove(item):
        return
    append(
        shelf.root / DELETED,
        {
            "at": now.isoformat(),
            "why": why,
            "id": item.id,
            "day": item.day,
            "camera": item.meta.get("camera", ""),
            "kind": item.meta.get("kind", ""),
            "bytes": size,
        },
    )
    done.deleted[why] += 1
    done.freed += size
