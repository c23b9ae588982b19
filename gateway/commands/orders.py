"""``village orders``: the work orders of a running gateway: list, show, make, move on, look back."""

from __future__ import annotations

import argparse
import json
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from gateway import control
from gateway.control import add_state, state_dir
from gateway.errors import Fault, SettingsError
from gateway.model import OrderState, Severity
from gateway.site import load_words
from gateway.words import Language, Words

HELP = "work orders: list, show, new, accept, arrive, done, check, return, assign, stats"
EXAMPLE = """
village orders list --state /var/lib/village
village orders new "clear the ditch" --cell citang --severity yellow --by office
village orders done 12 --by sun --photo ditch.jpg --place 27.9902,120.7003
village orders check 12 --by he
village orders stats --from 2026-11-01
"""
DEEDS = {
    "accept": "somebody takes it",
    "arrive": "somebody is there",
    "check": "somebody has looked: it is closed",
    "return": "not good enough; --why",
    "assign": "somebody else shall do it; --to",
}
LARGEST_PHOTO = 50_000_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    listing = what.add_parser("list", help="open orders, or those of a state")
    listing.add_argument(
        "--only", choices=[*(state.value for state in OrderState), "all"], help="of this state"
    )
    listing.add_argument("--cell", default="", help="of this cell")
    listing.add_argument("--person", default="", help="of this person")
    show = what.add_parser("show", help="one order with its log")
    show.add_argument("id", type=int)
    new = what.add_parser("new", help="an order by hand, or for an alert that is on (--rule, --target)")
    new.add_argument("title", nargs="?", default="")
    for name in ("text", "kind", "device", "cell", "person", "due", "rule", "target"):
        new.add_argument(f"--{name}", default="")
    new.add_argument("--severity", choices=[level.word for level in Severity])
    done = what.add_parser("done", help="somebody has done it, and shows a picture taken there")
    done.add_argument("--photo", type=Path, action="append", default=[], help="JPEG or PNG")
    done.add_argument("--place", default="", help="degrees north and east: 27.9902,120.7003")
    done.add_argument("--note", default="")
    done.add_argument("--no-photo", action="store_true", help="he told it by word of mouth")
    deeds = {name: what.add_parser(name, help=text) for name, text in DEEDS.items()} | {"done": done}
    for name, one in deeds.items():
        one.add_argument("id", type=int)
        if name in {"done", "check"}:
            one.add_argument("--sure", action="store_true", help="although the sensor says otherwise")
    deeds["check"].add_argument("--note", default="")
    deeds["return"].add_argument("--why", required=True)
    deeds["assign"].add_argument("--to", required=True, metavar="PERSON")
    for one in (new, *deeds.values()):
        one.add_argument("--by", required=True, metavar="WHO", help="whose deed it is")
    stats = what.add_parser("stats", help="told, accepted, done, late; alarms for each person; worst sources")
    stats.add_argument("--from", dest="start", default="", help="2026-11-01; default 30 days ago")
    stats.add_argument("--to", dest="end", default="")
    for one in (listing, show, new, stats, *deeds.values()):
        one.add_argument("--site", type=Path, metavar="DIR", default=Path(), help="folder with village.yaml")
        one.add_argument("--json", action="store_true", help="as JSON")
        one.add_argument("--lang", choices=["zh", "en"], default="zh")
        add_state(one)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    state = state_dir(args.state, args.site)
    answer = _ask(state, args)
    if args.json:
        print(json.dumps(answer, ensure_ascii=False))
        return 0
    language: Language = args.lang
    say = load_words(language)
    if args.what == "stats":
        lines = stats_lines(answer)
    elif args.what == "list":
        lines = iter([line(one, say) for one in answer] or [say("order_page.none")])
    else:
        lines = order_lines(answer, say)
    for text in lines:
        print(text)
    return 0


def _ask(state: Path, args: argparse.Namespace) -> Any:
    root = "/api/v1/orders"
    match args.what:
        case "list":
            given = {"state": args.only, "cell": args.cell, "person": args.person}
            return control.ask(state, f"{root}?{urlencode({key: one for key, one in given.items() if one})}")
        case "show":
            return control.ask(state, f"{root}/{args.id}")
        case "stats":
            given = {"from": args.start, "to": args.end}
            asked = urlencode({key: one for key, one in given.items() if one})
            return control.ask(state, f"{root}/statistics?{asked}")
        case "new":
            names = (
                "title",
                "text",
                "kind",
                "device",
                "cell",
                "person",
                "due",
                "rule",
                "target",
                "severity",
                "by",
            )
            body = {name: value for name in names if (value := getattr(args, name))}
            return control.ask(state, root, body=body, timeout_s=40)
        case "done":
            return control.ask(state, f"{root}/{args.id}/done", method="POST", form=_form(args), timeout_s=60)
        case _:
            body = {"by": args.by}
            if args.what == "check":
                body |= {"note": args.note, "sure": args.sure}
            body |= {"why": args.why} if args.what == "return" else {}
            body |= {"person": args.to} if args.what == "assign" else {}
            return control.ask(state, f"{root}/{args.id}/{args.what}", body=body, timeout_s=40)


def _form(args: argparse.Namespace) -> tuple[str, bytes]:
    """What ``done`` hands in, as a browser would post it."""
    lat, _, lon = args.place.partition(",")
    fields = {
        "by": args.by, "note": args.note, "lat": lat.strip(), "lon": lon.strip(),
        "sure": "1" if args.sure else "", "by_word": "1" if args.no_photo else "",
    }  # fmt: skip
    mark = secrets.token_hex(16)
    parts = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
        for name, value in fields.items()
        if value
    ]
    for path in args.photo:
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_PHOTO + 1)
        except OSError as error:
            raise SettingsError(
                Fault(str(path), 0, "--photo", f"cannot be read ({error.strerror})")
            ) from error
        parts.append(b'Content-Disposition: form-data; name="photo"; filename="photo"\r\n\r\n' + content)
    body = b"".join(f"--{mark}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{mark}--\r\n".encode()
    return f"multipart/form-data; boundary={mark}", body


def line(order: Mapping[str, Any], say: Words) -> str:
    """One order in one line."""
    state, light = say(f"order_state.{order['state']}"), say(f"order_light.{order['light']}")
    due = f"{datetime.fromisoformat(order['due']).astimezone():%m-%d %H:%M}"
    who = order["person"] or "-"
    return f"{order['id']:>5}  {order['number']}  {state}  {light}  {due}  {who:<10}  {order['title']}"


def order_lines(order: Mapping[str, Any], say: Words) -> Iterator[str]:
    """One order with its log."""
    yield line(order, say)
    if order["text"]:
        yield f"       {order['text']}"
    for one in order["log"]:
        at = f"{datetime.fromisoformat(one['at']).astimezone():%m-%d %H:%M}"
        what = say.maybe(f"order_log.{one['what']}", one["what"])
        yield f"       {at}  {what}  {one['by']}  {one['note']}".rstrip()


def stats_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """The figures as plain tables."""
    columns = ("told", "accepted", "done", "late", "returned")
    for group in ("cells", "people", "kinds"):
        yield f"{group:<16}" + "".join(f"{name:>10}" for name in columns)
        for name, row in figures[group].items():
            yield f"  {name:<14}" + "".join(f"{row[column]:>10}" for column in columns)
    yield "alarms          most in an hour   hours over the target   days"
    for person, row in figures["alarms"].items():
        yield f"  {person:<14}{row['most_in_an_hour']:>15}{row['hours_over']:>24}   {len(row['days'])}"
    yield "worst sources"
    for one in figures["worst"]:
        yield f"  {one['times']:>5} x {one['rule']} {one['target']}"
