"""What happens in a clip, as a person has noted it: ``clips.csv`` beside the clips.

::

    file,truth,time_s,note
    "gate/2026-07-18.mp4","collision","~4.2","maroon car drives off"
    "gate/quiet.mp4","normal","",""

``truth`` is a kind, ``normal`` or ``no_...``; ``time_s`` a number of seconds, about (``~``) or not, or empty when it
is not known; text that begins with "from start" is 0.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import Fault, SettingsError

COLUMNS = ("file", "truth", "time_s", "note")
LOOKS_LIKE = {
    "hit_and_run_like": "collision"
}  # a party drives off, the clip is too short to know whether it comes back
ANSWERS: Mapping[str, frozenset[str]] = {
    "fire": frozenset({"fire", "smoke"}),
    "smoke": frozenset({"fire", "smoke"}),
    "collision": frozenset({"collision", "hit_and_run"}),
}
"""Kinds of events that count for a truth beside its own name."""

SEEN_BY: Mapping[str, frozenset[str]] = {
    "fire": frozenset({"fire", "smoke"}),
    "hit_and_run": frozenset({"collision", "hit_and_run", "stalled_vehicle"}),
    "illegal_building": frozenset({"illegal_building", "building_change"}),
    "fire_lane": frozenset({"fire_lane_blocked"}),
}
"""Truths that a detector can find beside one of its own name."""

WITHIN_S: Mapping[str, float] = {"fire": 10, "smoke": 30, "thermal": 2, "collision": 5, "hit_and_run": 25}
"""How long after the truth an event of a kind may come (vision reference 5); another kind: 30 s."""

_NUMBER = re.compile(r"^~?\s*(\d+(?:\.\d+)?)\s*$")


@dataclass(frozen=True, slots=True)
class Truth:
    """One clip.

    Attributes:
        file: As it stands in the table. path: Where it lies.
        kind: What happens in it; empty: nothing.
        at_s: When, in the clip's own time; ``None``: somewhere in it.
        note: For people.
    """

    file: str
    path: Path
    kind: str
    at_s: float | None
    note: str = ""

    def begun(self, at_s: float) -> bool:
        """Whether an event at that time can be about it: not more than a second before."""
        return self.at_s is None or at_s >= self.at_s - 1.0

    def in_time(self, kind: str, at_s: float) -> bool:
        """Whether an event of that kind at that time found it in time."""
        return self.begun(at_s) and (self.at_s is None or at_s <= self.at_s + WITHIN_S.get(kind, 30.0))

    def answered_by(self, kind: str) -> bool:
        """Whether an event of that kind says what happens here."""
        return bool(self.kind) and kind in ANSWERS.get(self.kind, frozenset({self.kind}))


def findable(detectors: list[str]) -> frozenset[str]:
    """Which truths these detectors can find; clips of any other are clips without one for them."""
    return frozenset().union(*(SEEN_BY.get(name, frozenset({name})) for name in detectors))


def read(path: Path) -> list[Truth]:
    """The table.

    Raises:
        SettingsError: With path, line and column of everything wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(Fault(str(path), 0, "", f"cannot be read ({error.strerror})")) from error
    rows = csv.DictReader(text.splitlines())
    missing = [name for name in COLUMNS[:3] if name not in (rows.fieldnames or ())]
    if missing:
        remedy = f"the first line is {','.join(COLUMNS)}"
        raise SettingsError(Fault(str(path), 1, missing[0], "no such column", remedy))
    faults: list[Fault] = []
    found = [_truth(row, path, rows.line_num, faults) for row in rows]
    if faults:
        raise SettingsError(*faults)
    return found


def _truth(row: Mapping[str, str | None], path: Path, line: int, faults: list[Fault]) -> Truth:
    file, kind = (row["file"] or "").strip(), (row["truth"] or "").strip()
    if not file or not (path.parent / file).is_file():
        faults.append(Fault(str(path), line, "file", f"{file!r} does not lie beside the table"))
    if not re.fullmatch(r"[a-z][a-z0-9_]*", kind):
        faults.append(Fault(str(path), line, "truth", f"{kind!r} is no kind", "e.g. fire, collision, normal"))
    if kind == "normal" or kind.startswith("no_"):
        kind = ""
    at_s = _seconds((row["time_s"] or "").strip())
    if at_s is _UNREADABLE:
        problem = f"{row['time_s']!r} is no time"
        faults.append(Fault(str(path), line, "time_s", problem, "seconds, about (~4.2) or not, or empty"))
    note = (row.get("note") or "").strip()
    return Truth(file, path.parent / file, LOOKS_LIKE.get(kind, kind), at_s, note)


_UNREADABLE = float("nan")


def _seconds(text: str) -> float | None:
    if not text:
        return None
    if text.startswith("from start"):
        return 0.0
    match = _NUMBER.match(text)
    return float(match[1]) if match else _UNREADABLE
