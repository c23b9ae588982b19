"""Everything stored, downloaded from the board while the house goes on."""

from __future__ import annotations

import asyncio
import io
import tarfile
from pathlib import Path

import pytest

from gateway.api.backup import PIECES, Chute
from gateway.clock import ManualClock
from gateway.errors import Unavailable
from gateway.model import Delivery, Reading
from gateway.store.accounts import Role
from gateway.store.backup import stream
from gateway.store.journal import folder_of
from gateway.store.reader import Reader
from tests.conftest import NOON
from tests.house import house
from tests.visitor import visitor

SITE = """\
site: {slug: demo, name: 示范村, language: en}
api: {port: 0}
sources: {radio: {driver: mqtt, host: 127.0.0.1, port: 1, listen: [chirpstack]}}
devices:
  bin-1: {source: radio, address: bin-1, model: milesight-em400-mud, bin: {empty: 2400 mm, full: 300 mm}}
"""


async def test_the_download_is_a_state_folder_again_and_the_trail_knows_of_it(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        await building.bus.put(Delivery((Reading("bin-1/fill", 85.0, NOON, NOON),)))
        while "bin-1/fill" not in building.latest:
            await asyncio.sleep(0)
        await asyncio.to_thread(building.journal.flush)
        admin = await visitor(building, Role.ADMIN)
        reply = await admin.get("/api/v1/backup")
        assert (reply.status, reply.headers["content-type"]) == (200, "application/x-tar")
        assert f"village-demo-{NOON:%Y%m%dT%H%M}Z.tar" in reply.headers["content-disposition"]
        assert (await admin.get("/api/v1/audit")).body[0]["action"] == "backup.take"
        assert not building.backing_up.locked()
        assert not (building.state_dir / "journal" / ".backup").exists()
    again = tmp_path / "again"
    with tarfile.open(fileobj=io.BytesIO(reply.raw)) as tar:
        assert {"accounts.db", "journal/book.db"} <= set(tar.getnames())
        tar.extractall(again, filter="data")
    with Reader(folder_of(again), broken=lambda *_: None) as reader:
        found = list(reader.readings("bin-1/fill", NOON, NOON.replace(year=NOON.year + 1)))
    assert [reading.value for reading in found] == [85.0]


async def test_only_one_is_taken_at_a_time(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        admin = await visitor(building, Role.ADMIN)
        async with building.backing_up:
            reply = await admin.get("/api/v1/backup")
        assert (reply.status, reply.headers["retry-after"]) == (503, "60")
        assert (await admin.get("/api/v1/backup")).status == 200


async def test_a_writer_that_nobody_listens_to_ends() -> None:
    chute = Chute(asyncio.get_running_loop(), patience_s=0.01)
    for _ in range(PIECES):
        await asyncio.to_thread(chute.write, b"x")
    with pytest.raises(BrokenPipeError):
        await asyncio.to_thread(chute.write, b"too much")
    chute.leave()
    with pytest.raises(BrokenPipeError):
        await asyncio.to_thread(chute.write, b"x")


def test_a_folder_without_a_journal_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no journal"):
        stream(tmp_path, io.BytesIO())
