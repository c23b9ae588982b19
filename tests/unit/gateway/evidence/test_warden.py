from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

from gateway.clock import ManualClock
from gateway.evidence.pictures import UNIT_FOLDER, Place, found, place_of, to_show
from gateway.evidence.retention import totals
from gateway.evidence.shelf import Shelf
from gateway.evidence.warden import Warden
from tests.conftest import NOON


def _kept(root: Path, days_ago: float, size: int = 100) -> str:
    at = NOON - timedelta(days=days_ago)
    return Shelf(root).put(at, {"camera": "gate", "kind": "fire"}, {"snapshot.jpg": b"x" * size})


def test_the_gateway_lets_evidence_go_in_time_also_of_a_source_that_is_gone(
    tmp_path: Path, clock: ManualClock
) -> None:
    here, left = tmp_path / "sources/eyes/evidence", tmp_path / "sources/old/evidence"
    young, short, old = _kept(here, 3), _kept(here, 9), _kept(left, 40)
    warden = Warden(tmp_path, clock, lambda: {"eyes": Place(here, False, keep=timedelta(days=7))})
    warden.round()
    assert Shelf(here).find(young) is not None
    assert Shelf(here).find(short) is None
    assert Shelf(left).find(old) is None
    assert totals(Shelf(left)) == {"age": 1}
    assert warden.status()["deleted"] == {"age": 2}
    assert warden.status()["there"] == 1


async def test_it_goes_round_each_hour_under_a_clock_that_is_believed(
    tmp_path: Path, clock: ManualClock
) -> None:
    root = tmp_path / "sources/eyes/evidence"
    number = _kept(root, 31.9)
    clock.is_trusted = False
    warden = Warden(tmp_path, clock, dict)
    warden.round()
    assert Shelf(root).find(number) is not None
    clock.is_trusted = True
    warden.round()
    assert Shelf(root).find(number) is None


def test_a_folder_that_cannot_be_tidied_is_said_and_keeps_no_other_from_it(
    tmp_path: Path, clock: ManualClock
) -> None:
    here = tmp_path / "sources/eyes/evidence"
    old = _kept(here, 40)
    broken = tmp_path / "broken"
    number = _kept(broken, 2, size=10)
    item = Shelf(broken).find(number)
    assert item is not None
    (item.folder / "meta.json").write_text('{"doubtful": true}')
    (broken / NOON.date().isoformat()).write_text("a file where the day's folder should be")
    warden = Warden(tmp_path, clock, lambda: {"a": Place(broken, False), "eyes": Place(here, False)})
    warden.round()
    assert Shelf(here).find(old) is None
    assert "cannot be moved" in warden.status()["error"]


def test_where_evidence_lies_is_known_from_the_settings_of_a_source(tmp_path: Path) -> None:
    assert place_of(SimpleNamespace(host="x"), tmp_path) is None
    usual = place_of(SimpleNamespace(evidence={}), tmp_path)
    assert usual == Place(tmp_path / "evidence", in_messages=False)
    said = SimpleNamespace(evidence={"folder": "/srv/e", "in_messages": True, "keep": "7d"}, worker="unit")
    assert place_of(said, tmp_path) == Place(Path("/srv/e"), in_messages=True, keep=timedelta(days=7))
    unit = place_of(
        SimpleNamespace(evidence={"clip": "plain"}, worker="unit"), tmp_path
    )  # does not fit together
    assert unit == Place(UNIT_FOLDER, in_messages=False)


def test_a_picture_goes_out_only_where_the_site_lets_it_and_is_a_look_of_the_person_told(
    tmp_path: Path,
) -> None:
    number = _kept(tmp_path, 0)
    silent, open_ = {"eyes": Place(tmp_path, False)}, {"eyes": Place(tmp_path, True)}
    assert to_show(silent, number, who="wang", at=NOON) is None
    assert not (tmp_path / "looks.jsonl").exists()
    assert to_show(open_, number, who="wang", at=NOON) == b"x" * 100
    assert '"who": "wang", "what": "message"' in (tmp_path / "looks.jsonl").read_text()
    assert to_show(open_, "a" * 20, who="wang", at=NOON) is None
    huge = _kept(tmp_path, 0, size=2_000_001)
    assert to_show(open_, huge, who="wang", at=NOON) is None
    assert found(open_, number) is not None
