"""Changing the site over the API: tried as a whole, written with everything that was not touched, applied, audited.

A faulty edit changes nothing: neither the file nor the running house. What was there before and what is there now goes
into the audit trail, telephone numbers and addresses covered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway import files, pen
from gateway.api.asked import Asked
from gateway.people import masked
from gateway.site import load_site

PERSONAL = frozenset({"phones", "to"})

Way = pen.Way


async def change(
    asked: Asked, file: Path, way: Way, what: Callable[[Any], Any], action: str
) -> dict[str, Any]:
    """Change one entry of a file of the site.

    Args:
        asked: Who asks.
        file: ``village.yaml``, or a file beside it; may not exist yet.
        way: To the entry.
        what: Makes the new entry of the old one (``None`` where there is none); ``None`` takes it away.
        action: For the audit trail.

    Returns:
        The entry as it is now, and what applying it has done.

    Raises:
        SettingsError: Every fault of the site as it would be, or the file cannot be written.
    """
    async with asked.house.editing:
        raw, before, after = await asyncio.to_thread(_tried, asked.house.site.path, file, way, what)
        if after != raw:
            await asyncio.to_thread(pen.exchange, file, raw, after or b"")
        applied = await asked.house.reload()
        now = _at(files.parse_yaml(after or b"", file).data, way)
        different = differences(before, now)
        accounts = asked.house.accounts
        await asyncio.to_thread(accounts.note, asked.person, action, files.dotted(way), changed=different)
    return {"entry": now, "changed": sorted(different), "applied": applied}


async def would(asked: Asked, file: Path, way: Way, what: Callable[[Any], Any]) -> None:
    """Whether a change would do; nothing is written. Raises SettingsError: every fault."""
    await asyncio.to_thread(_tried, asked.house.site.path, file, way, what)


def read(file: Path, way: Way) -> Any:
    """An entry as it is written now. Raises SettingsError."""
    return _at(files.read_yaml(file).data, way)


def _tried(
    site: Path, file: Path, way: Way, what: Callable[[Any], Any]
) -> tuple[bytes | None, Any, bytes | None]:
    """The file as it is, the entry as it is, and the file as it would be; raises SettingsError when it is no good."""
    raw = file.read_bytes() if file.exists() else None
    before = _at(files.parse_yaml(raw or b"", file).data, way)
    new = what(before)
    after = raw if new == before else pen.rewritten(raw or b"", file, way, new)
    load_site(site, {file: after or b""})
    return raw, before, after


def _at(data: Any, way: Way) -> Any:
    for key in way:
        if isinstance(key, int):
            data = data[key] if isinstance(data, list) and key < len(data) else None
        else:
            data = data.get(key) if isinstance(data, dict) else None
    return data


def differences(before: Any, after: Any, where: str = "") -> dict[str, list[Any]]:
    """What is not the same: the way to it -> [before, after], personal data covered."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: dict[str, list[Any]] = {}
        for key in [*before, *(key for key in after if key not in before)]:
            place = f"{where}.{key}" if where else str(key)
            found |= differences(before.get(key), after.get(key), place)
        return found
    if before == after:
        return {}
    personal = where.rsplit(".", 1)[-1] in PERSONAL
    return {where or "entry": [covered(before, all_=personal), covered(after, all_=personal)]}


def covered(data: Any, *, all_: bool = False) -> Any:
    """Plain data with telephone numbers and addresses made useless to everybody but their owner."""
    if isinstance(data, dict):
        return {key: covered(value, all_=all_ or key in PERSONAL) for key, value in data.items()}
    if isinstance(data, list):
        return [covered(value, all_=all_) for value in data]
    return masked(str(data)) if all_ and data is not None else data
