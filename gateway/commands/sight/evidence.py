"""``village vision evidence``: what is kept, looked at under one's own name, exported, opened, marked, deleted."""

from __future__ import annotations

import argparse
import getpass
import json
import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock
from gateway.commands.sight.keys import asked_password
from gateway.errors import Fault, SettingsError
from gateway.evidence import notebook, retention
from gateway.evidence.sealed import opened
from gateway.evidence.shelf import ID, META, Item, Shelf
from gateway.schema import duration, size
from gateway.site import load_words
from gateway.words import Words

HELP = "list, show, export, open, mark and delete kept evidence; every look is written down"
EXAMPLE = """
village vision evidence list /var/lib/village-evidence
village vision evidence show /var/lib/village-evidence k3v0q8c1m5x7z2b4n6d9
village vision evidence export /var/lib/village-evidence k3v0q8c1m5x7z2b4n6d9 -o ./case --why 'report 17'
village vision evidence mark /var/lib/village-evidence k3v0q8c1m5x7z2b4n6d9 --false
village vision evidence delete /var/lib/village-evidence k3v0q8c1m5x7z2b4n6d9
village vision evidence tidy /var/lib/village-evidence --keep 30d --largest '2 GB'
"""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ACTIONS = ("list", "show", "export", "mark", "delete", "tidy")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("action", choices=_ACTIONS)
    parser.add_argument("place", type=Path, help="folder of the evidence, or the state folder it lies in")
    parser.add_argument("ids", nargs="*", metavar="ID", help="which; only list and tidy need none")
    parser.add_argument("-o", "--output", type=Path, help="export: into this folder")
    parser.add_argument("--key", type=Path, help="export: private key that opens what is sealed")
    parser.add_argument("--password", action="store_true", help="export: the private key is locked")
    parser.add_argument("--why", default="", help="export, delete: the reason, for the log")
    parser.add_argument("--as", dest="who", default="", help="who looks (default: the login)")
    verdict = parser.add_mutually_exclusive_group()
    verdict.add_argument("--right", action="store_true", help="mark: it was right")
    verdict.add_argument("--false", action="store_true", help="mark: it was a false alarm")
    parser.add_argument("--keep", default="30d", help="tidy: the term")
    parser.add_argument("--largest", default="2 GB", help="tidy: most there may be")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--lang", choices=["zh", "en"], default="zh", help="language of the answer")


def run(args: argparse.Namespace) -> int:
    """Do it, after it has been written down who does."""
    clerk = _Clerk(args, Shelf(root_of(args.place), "clerk"), load_words(args.lang))
    if args.action in {"list", "tidy"}:
        return clerk.all() if args.action == "list" else clerk.tidy()
    if not args.ids:
        raise SettingsError(Fault("", 0, "ID", "is missing", "see 'village vision evidence list'"))
    items = [clerk.item(number) for number in args.ids]
    work = {"show": clerk.show, "export": clerk.export, "mark": clerk.mark}
    if args.action == "delete":
        return clerk.delete(items)
    for item in items:
        work[args.action](item)
    return 0


class _Clerk:
    """One person at the shelf."""

    def __init__(self, args: argparse.Namespace, shelf: Shelf, say: Words) -> None:
        self._args = args
        self._shelf = shelf
        self._say = say
        self._now = SystemClock().now()
        self._who = args.who or getpass.getuser()
        self._password: str | None = None

    def item(self, number: str) -> Item:
        """What an id names."""
        found = self._shelf.find(number) if ID.fullmatch(number) else None
        if found is None:
            raise SettingsError(Fault(str(self._shelf.root), 0, number, "is not there (any more)"))
        return found

    def all(self) -> int:
        """Everything, the oldest first."""
        self._look("*", "list")
        items = list(self._shelf.items())
        if self._args.json:
            for item in items:
                print(json.dumps(dict(item.meta) or {"id": item.id}, ensure_ascii=False))
            return 0
        total = sum(retention.size_on_disk(item) for item in items)
        say, root = self._say, self._shelf.root
        if items:
            print(say("evidence.head", count=len(items), size=_mb(total), folder=root))
        else:
            print(say("evidence.none", folder=root))
        for item in items:
            print(f"  {self._row(item)}")
        gone = {"age": 0, "size": 0, "hand": 0} | retention.totals(self._shelf)
        print(say("evidence.deleted_so_far", age=gone["age"], size=gone["size"], hand=gone["hand"]))
        return 0

    def show(self, item: Item) -> None:
        """All that is known of it."""
        self._look(item.id, "view")
        print(json.dumps(dict(item.meta), ensure_ascii=False, indent=None if self._args.json else 1))

    def export(self, item: Item) -> None:
        """Its files into a folder, opened where there is a key."""
        if self._args.output is None or not self._args.why:
            raise SettingsError(Fault("", 0, "export", "needs -o FOLDER and --why REASON", "both are logged"))
        self._look(item.id, "open" if self._args.key else "export", self._args.why)
        folder = self._args.output / item.id
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sealed = 0
        for name in item.files:
            path = item.path(name)
            if path is None:
                continue
            if path.suffix == ".sealed" and self._args.key is not None:
                target = folder / path.stem
                target.write_bytes(opened(path.read_bytes(), self._args.key, self._asked()))
                print(self._say("evidence.opened", file=target))
                continue
            sealed += path.suffix == ".sealed"
            shutil.copyfile(path, folder / name)
        shutil.copyfile(item.folder / META, folder / META)
        count = len(list(folder.iterdir()))
        print(self._say("evidence.exported", id=item.id, files=count, folder=folder))
        if sealed:
            print(self._say("evidence.not_opened", count=sealed))

    def mark(self, item: Item) -> None:
        """Right, or a false alarm: the worker learns of it."""
        if not (self._args.right or self._args.false):
            raise SettingsError(Fault("", 0, "mark", "needs --right or --false"))
        notebook.mark(self._shelf.root, item.id, right=self._args.right, by=self._who, at=self._now)
        said = self._say("evidence.right" if self._args.right else "evidence.false")
        print(self._say("evidence.marked", id=item.id, mark=said))

    def delete(self, items: list[Item]) -> int:
        """For good."""
        for item in items:
            self._look(item.id, "delete", self._args.why)
        done = retention.delete(self._shelf, items, self._now)
        print(self._say("evidence.deleted", count=done.deleted["hand"], size=_mb(done.freed)))
        return 0

    def tidy(self) -> int:
        """What the worker does each hour, now."""
        try:
            keep, largest = duration(self._args.keep), size(self._args.largest)
        except ValueError as error:
            raise SettingsError(Fault("", 0, "--keep/--largest", str(error))) from error
        trusted = SystemClock().trusted()
        done = retention.tidy(self._shelf, self._now, trusted=trusted, keep=keep, largest=largest)
        words = {"age": done.deleted["age"], "size": done.deleted["size"], "kept": done.kept}
        print(self._say("evidence.tidied", **words, bytes=_mb(done.kept_bytes)))
        return 0

    def _row(self, item: Item) -> str:
        meta: dict[str, Any] = dict(item.meta)
        if not meta:
            return f"{item.id}  {self._say('evidence.unreadable')}"
        notes = [self._say(f"evidence.{one['mark']}") for one in meta.get("marks", [])[-1:]]
        if dict(meta.get("rendering", {})).get("how") == "boxes_only":
            notes.append(self._say("evidence.boxes_only"))
        at = datetime.fromisoformat(str(meta["at"])).astimezone()
        return self._say(
            "evidence.row",
            id=item.id,
            at=f"{at:%Y-%m-%d %H:%M:%S}",
            camera=meta.get("camera", ""),
            kind=meta.get("kind", ""),
            score=f"{float(meta.get('score', 0)):.2f}",
            files=" ".join(item.files),
            note=", ".join(notes),
        ).rstrip()

    def _look(self, number: str, what: str, why: str = "") -> None:
        notebook.look(self._shelf.root, number, who=self._who, what=what, at=self._now, why=why)

    def _asked(self) -> str | None:
        if self._args.password and self._password is None:
            self._password = asked_password()
        return self._password


def root_of(place: Path) -> Path:
    """The folder of the evidence: the named one, else the one in a state folder."""
    if _is_root(place):
        return place
    inside = [path for path in (place / "evidence", *sorted(place.glob("*/evidence"))) if path.is_dir()]
    inside += [path for path in sorted(place.glob("*/*/evidence")) if path.is_dir()]
    if not inside:
        problem = "holds no evidence" if place.is_dir() else "is no folder"
        raise SettingsError(Fault(str(place), 0, "", problem, "name the worker's state folder"))
    return inside[0]


def _is_root(place: Path) -> bool:
    if not place.is_dir():
        return False
    known = {notebook.MARKS, notebook.LOOKS, notebook.DELETED}
    return any(path.name in known or _DAY.fullmatch(path.name) for path in place.iterdir())


def _mb(count: int) -> str:
    return f"{count / 1e6:.1f}"
