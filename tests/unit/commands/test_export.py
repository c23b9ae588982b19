"""``village export`` and ``village backup``: what is stored leaves as tables and as a copy."""

from __future__ import annotations

import csv
import gzip
import json
import sqlite3
import stat
import sys
import tarfile
from datetime import UTC, datetime

import pytest

from gateway.__main__ import main
from gateway.clock import ManualClock
from gateway.model import Delivery, Event, Flag
from gateway.settings import StoreSettings
from gateway.store.journal import Journal
from tests.conftest import NOON
from tests.unit.store.builders import after, reading

SETTINGS = StoreSettings(quota=50_000_000)


@pytest.fixture
async def state(tmp_path):
    """A state folder whose journal is open, as under a running daemon."""
    folder = tmp_path / "state"
    clock = ManualClock(after(days=1))
    with Journal(folder, clock, SETTINGS, boot="b") as journal:
        for hour in range(30):
            items = [
                reading("bin-001/fill", hour + 0.1, after(hours=hour)),
                reading("bin-002/fill", float(hour), after(hours=hour, minutes=1), Flag.SUSPECT, "spike"),
                reading(
                    "river/water_level", None, after(hours=hour), Flag.MISSING, "no_echo", after(hours=40)
                ),
            ]
            await journal.append(Delivery(tuple(items)))
        await journal.append(Delivery((reading("bin-001/fill", 99.0, after(hours=3)),)))  # last one wins
        await journal.append(Delivery((Event("bin-001", "emptied", NOON, NOON),)))
        journal.set_bookmark("sink", "30")
        journal.flush()
        yield folder


def rows(text):
    return list(csv.DictReader(text.splitlines()))


def test_everything_by_time_each_once(state, capsys):
    assert main(["export", str(state)]) == 0
    captured = capsys.readouterr()
    found = rows(captured.out)
    assert len(found) == 90
    assert captured.err == "90 readings of 3 series\n"
    assert [row["at"] for row in found] == sorted(row["at"] for row in found)
    assert found[0] == {
        "at": "2026-07-18T04:00:00.000Z",
        "series": "bin-001/fill",
        "value": "0.1",
        "unit": "%",
        "flag": "GOOD",
        "flagged_by": "",
        "received": "2026-07-18T04:00:00.000Z",
    }
    assert [row["value"] for row in found if row["series"] == "bin-001/fill"][3] == "99.0"
    missing = next(row for row in found if row["series"] == "river/water_level")
    assert (missing["value"], missing["flag"], missing["flagged_by"]) == ("", "MISSING", "no_echo")
    assert missing["received"] == "2026-07-19T20:00:00.000Z"


def test_by_pattern_and_time(state, tmp_path, capsys):
    out = tmp_path / "bins.csv.gz"
    argv = ["--series", "bin-*/fill", "--from", "2026-07-18T07:00:00Z", "--to", "2026-07-18T17:00+08:00"]
    assert main(["export", str(state), *argv, "-o", str(out)]) == 0
    found = rows(gzip.decompress(out.read_bytes()).decode())
    assert [row["value"] for row in found] == ["99.0", "3.0", "4.1", "4.0"]
    assert not list(tmp_path.glob("*.new"))


def test_what_was_exported_can_be_replayed(state, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    assert main(["export", str(state), "--series", "bin-001/fill", "-o", str(out)]) == 0
    assert main(["replay", str(out), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    values = [line["value"] for line in lines if line.get("series") == "bin-001/fill"]
    assert len(values) == 30
    assert values[3:5] == [99.0, 4.1]


def test_parquet(state, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "all.parquet"
    assert main(["export", str(state), "-o", str(out)]) == 0
    table = parquet.read_table(out)
    assert table.num_rows == 90
    first = table.slice(0, 1).to_pylist()[0]
    assert first["at"] == datetime(2026, 7, 18, 4, tzinfo=UTC)
    assert (first["series"], first["value"], first["unit"], first["flag"]) == (
        "bin-001/fill",
        0.1,
        "%",
        "GOOD",
    )
    assert table.column("value").null_count == 30


def test_parquet_without_its_library_says_what_to_install(state, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["export", str(state), "-o", str(tmp_path / "x.parquet")]) == 78
    assert "pip install 'village-gateway[parquet]'" in capsys.readouterr().err
    assert list(tmp_path.glob("x.parquet*")) == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--series", "bin-001/fil"], "no series is called 'bin-001/fil'; did you mean bin-001/fill"),
        (["--from", "yesterday"], "--from:"),
        (["--format", "parquet"], "cannot go to standard output"),
        (["-o", "/nowhere/at/all.csv"], "-o: cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(state, capsys, argv, said):
    assert main(["export", str(state), *argv]) == 78
    assert said in capsys.readouterr().err


def test_a_folder_without_a_journal_is_named(tmp_path, capsys):
    assert main(["export", str(tmp_path)]) == 78
    assert "holds no journal" in capsys.readouterr().err
    assert main(["backup", str(tmp_path / "x.tar"), "--state", str(tmp_path)]) == 78
    assert "holds no journal" in capsys.readouterr().err


def test_a_broken_segment_is_left_out_and_named(state, capsys):
    (state / "journal" / "readings-000000900000.db").write_bytes(b"no database at all" * 1000)
    assert main(["export", str(state)]) == 0
    captured = capsys.readouterr()
    assert len(rows(captured.out)) == 90
    assert "readings-000000900000.db: cannot be read and is left out" in captured.err


@pytest.mark.parametrize("name", ["copy.tar", "copy.tar.gz"])
async def test_a_backup_of_a_running_journal_is_a_state_folder_again(state, tmp_path, name, capsys):
    (state / "drivers").mkdir()
    (state / "drivers" / "session.json").write_text("{}")
    target = tmp_path / name
    assert main(["backup", str(target), "--state", str(state)]) == 0
    assert "MB" in capsys.readouterr().out
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    restored = tmp_path / "restored"
    with tarfile.open(target) as tar:
        if hasattr(tarfile, "data_filter"):  # Python 3.11.4; Debian 12 has 3.11.2
            tar.extraction_filter = tarfile.data_filter
        tar.extractall(restored)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "restored", "state"]
    assert (restored / "drivers" / "session.json").read_text() == "{}"
    for path in (restored / "journal").iterdir():
        with sqlite3.connect(path) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()
    with Journal(restored, ManualClock(after(days=2)), SETTINGS, boot="c") as journal:
        assert len(journal.entries(0, 1000)) == 91
        assert len(journal.events(0, 1000)) == 1
        assert journal.bookmark("sink") == "30"
        assert journal.head() == 91


def test_a_backup_that_cannot_be_written_leaves_nothing_behind(state, tmp_path, monkeypatch, capsys):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "add", full)
    assert main(["backup", str(tmp_path / "x.tar"), "--state", str(state)]) == 69
    assert "was not written: [Errno 28] No space left" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
