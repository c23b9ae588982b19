"""Every name that the site file uses for a cell, a person, a role or a channel must be one that it introduces."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta

from gateway import files
from gateway.duty import Gap, Roster
from gateway.errors import Fault
from gateway.schema import in_words
from gateway.settings import Village

LOOK_AHEAD = timedelta(days=14)
SHOWN_GAPS = 5


def roster_of(village: Village) -> Roster:
    """The site's people and duties."""
    duty = village.duty.model_copy(update={"holidays": holidays_of(village)})
    return Roster(village.cells, village.people, duty, village.site.zone)


def holidays_of(village: Village) -> frozenset[date]:
    """The days off, wherever they are written: for the rota and for the rules alike."""
    return village.duty.holidays | frozenset(village.rules.holidays)


def name_faults(document: files.Document, village: Village) -> list[Fault]:
    """Unknown cells, people, roles and channels, each with its line and the nearest that exists."""
    faults = list(_parent_faults(document, village))
    roles = {role for person in village.people.values() for role in person.roles}
    known: dict[str, Collection[str]] = {
        "cell": village.cells,
        "person": village.people,
        "channel": village.channels,
        "source": village.sources,
        "output": village.outputs,
        "role": roles | {shift.role for shift in village.duty.rota if shift.role},
    }
    for kind, name, where in _uses(village):
        if name not in known[kind]:
            remedy = files.nearest(name, list(known[kind])) or f"the site file has no {kind} at all"
            faults.append(document.fault(where, f"no {kind} is called {name!r}", remedy))
    return faults


def gap_warnings(document: files.Document, village: Village, at: datetime) -> list[str]:
    """The holes of the rota in the next 14 days, in words: warnings, no faults. Empty for a site without people."""
    if not village.people:
        return []
    gaps = roster_of(village).gaps(at, at + LOOK_AHEAD)
    lines = [str(_gap_fault(document, village, gap, at)) for gap in gaps[:SHOWN_GAPS]]
    if len(gaps) > SHOWN_GAPS:
        lines.append(
            f"{document.path}: {len(gaps) - SHOWN_GAPS} more; village duty {document.path} --gaps 14d"
        )
    return lines


def _gap_fault(document: files.Document, village: Village, gap: Gap, at: datetime) -> Fault:
    zone = village.site.zone
    post = f"{gap.post.cell} ({gap.post.role})" if gap.post.role else gap.post.cell
    if gap.start == at and gap.end - at >= LOOK_AHEAD:
        when = f"in the next {in_words(LOOK_AHEAD)}"
    else:
        start, end = gap.start.astimezone(zone), gap.end.astimezone(zone)
        when = f"from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"
    return document.fault(
        ("cells", gap.post.cell),
        f"warning: nobody who can be reached is on duty for {post} {when}",
        "the next level is told at once",
    )


def _parent_faults(document: files.Document, village: Village) -> Iterator[Fault]:
    for slug, cell in village.cells.items():
        parent = village.cells.get(cell.parent or "")
        if parent is not None and parent.level <= cell.level:
            yield document.fault(
                ("cells", slug, "parent"),
                f"a {cell.kind} cannot lie in a {parent.kind}",
                "micro lies in grid, grid in village, village in township",
            )


def _uses(village: Village) -> Iterator[tuple[str, str, files.Where]]:
    """Each name that is used: what it should be, the name, where it stands."""
    for slug, cell in village.cells.items():
        if cell.parent is not None:
            yield "cell", cell.parent, ("cells", slug, "parent")
        yield from _all("person", cell.members, ("cells", slug, "members"))
    for slug, device in village.devices.items():
        yield from _all("cell", [device.cell], ("devices", slug, "cell"))
        yield from _all("role", [device.role], ("devices", slug, "role"))
    for slug, person in village.people.items():
        for index, contact in enumerate(person.channels):
            yield "channel", contact.channel, ("people", slug, "channels", index, "channel")
    yield from _used_by_outputs(village)
    duty = village.duty
    for index, shift in enumerate(duty.rota):
        where: files.Where = ("duty", "rota", index)
        yield "cell", shift.cell, (*where, "cell")
        yield from _all("person", shift.people, (*where, "people"))
    for index, swap in enumerate(duty.swaps):
        where = ("duty", "swaps", index)
        yield from _all("cell", [swap.cell], (*where, "cell"))
        yield from _all("role", [swap.role], (*where, "role"))
        yield from _all("person", swap.people, (*where, "people"))
        yield from _all("person", swap.instead_of, (*where, "instead_of"))
    for index, leave in enumerate(duty.leave):
        yield "person", leave.person, ("duty", "leave", index, "person")
    for role in duty.quiet:
        yield "role", role, ("duty", "quiet", role)
    for role in duty.rounds:
        yield "role", role, ("duty", "rounds", role)
    for slug, group in duty.groups.items():
        yield from _all("person", group.people, ("duty", "groups", slug, "people"))
        yield from _all("role", group.roles, ("duty", "groups", slug, "roles"))


def _used_by_outputs(village: Village) -> Iterator[tuple[str, str, files.Where]]:
    for slug, output in village.outputs.items():
        yield from _all("source", [output.source], ("outputs", slug, "source"))
        yield from _all("channel", [output.channel], ("outputs", slug, "channel"))
        yield from _all("output", output.interlock, ("outputs", slug, "interlock"))


def _all(
    kind: str, names: Collection[str | None], where: files.Where
) -> Iterator[tuple[str, str, files.Where]]:
    for index, name in enumerate(names):
        if name is not None:
            yield kind, name, (*where, index)
