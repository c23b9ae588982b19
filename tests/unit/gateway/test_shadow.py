"""Cameras in shadow: written down, told to nobody, counted."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from drivers import vision
from drivers.sight.lines import event_of
from gateway.__main__ import main
from gateway.cameras import CameraEntry, Eyes, spoken
from gateway.catalogue import Catalogue
from gateway.clock import ManualClock, SystemClock
from gateway.contracts import Context, Device, SourceHealth
from gateway.evidence import notebook
from gateway.evidence.shelf import Shelf
from gateway.model import Delivery, Event, Flag, Reading
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings, StoreSettings
from gateway.shadow import looked_for, tally
from gateway.store.journal import Journal

AT = datetime(2026, 11, 1, 17, 30, tzinfo=UTC)  # half past one of the next day in the village
ZONE = ZoneInfo("Asia/Shanghai")
LINE = {
    "kind": "fire", "state": "confirmed", "camera": "yard", "key": "yard-1", "at": AT.isoformat(), "score": 0.8,
    "zone": "", "review": False, "boxes": [], "evidence": "e1", "why": {},
}  # fmt: skip


def seen(
    kind: str, *, camera: str = "yard", state: str = "confirmed", evidence: str | None = None, day: int = 0
) -> Event:
    at = AT + timedelta(days=day)
    return Event(camera, kind, at, at, 0.8, {"state": state}, evidence)


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({}, "fire_shadow"),
        ({"review": True}, "fire_review_shadow"),
        ({"state": "ended"}, "fire_ended_shadow"),
        ({"state": "ongoing"}, "fire_shadow"),
    ],
)
def test_in_shadow_everything_ends_so_and_no_rule_knows_it(more: dict[str, object], name: str) -> None:
    event = event_of({**LINE, **more}, "yard", AT, shadow=True)
    assert event is not None
    assert event.kind == name
    assert event.evidence == "e1", "the pictures are kept all the same: people mark them"


def test_a_mere_candidate_is_no_event_in_shadow_either() -> None:
    assert event_of({**LINE, "state": "candidate"}, "yard", AT, shadow=True) is None


@pytest.mark.parametrize(
    ("shadow", "kind", "expected"),
    [
        (True, "fire", True),
        (False, "fire", False),
        ("2026-12-14", "fire", True),
        ("2026-12-13", "fire", False),
        (["collision"], "fire", False),
        (["collision"], "collision", True),
        (True, "camera_blind", False),
    ],
)
def test_shadow_is_for_all_until_a_day_or_for_some_kinds(shadow: object, kind: str, expected: bool) -> None:
    entry = CameraEntry.model_validate({"url": "rtsp://10.0.0.9/main", "shadow": shadow})
    assert entry.in_shadow(kind, date(2026, 12, 13)) is expected
    plan = json.loads(json.dumps(spoken(Eyes(cameras={"yard": entry}))))
    assert Eyes.model_validate(plan).cameras["yard"].shadow == entry.shadow, "the worker takes it back"


def test_a_shadow_that_is_none_of_these_is_refused() -> None:
    with pytest.raises(ValidationError):
        CameraEntry.model_validate({"url": "rtsp://10.0.0.9/main", "shadow": "two weeks"})


def test_what_nobody_has_marked_counts_as_false() -> None:
    events = [
        seen("fire_shadow", evidence="a"),
        seen("fire_shadow", evidence="b", day=1),
        seen("fire_shadow", evidence="c", day=1),
        seen("fire_shadow", state="ongoing", evidence="c"),
        seen("fire_ended_shadow", state="ended"),
        seen("smoke_review_shadow"),
        seen("fire"),
    ]
    rows = tally(
        events, {"a": True, "b": False}, {"yard": timedelta(days=2), "gate": timedelta(days=1)}, ZONE
    )
    by = {(row.camera, row.kind): row for row in rows}
    fire = by["yard", "fire"]
    assert (fire.alarms, fire.right, fire.false, fire.unmarked) == (3, 1, 1, 1)
    assert fire.by_day == {"2026-11-02": 1, "2026-11-03": 2}, "days of the village"
    assert fire.false_a_day == 1.0
    assert fire.at_most_a_day == pytest.approx(6.296 / 2, rel=1e-3)
    assert by["yard", "smoke"].look
    assert by["gate", ""].alarms == 0
    assert by["gate", ""].at_most_a_day == pytest.approx(2.996, rel=1e-3)


def test_a_camera_that_did_not_look_has_no_rate() -> None:
    (row,) = tally([seen("fire_shadow")], {}, {}, ZONE)
    assert row.false_a_day is row.at_most_a_day is None


def test_the_time_a_camera_looked_leaves_out_its_gaps() -> None:
    reports = [AT + timedelta(minutes=minute) for minute in (0, 1, 2, 30, 31)]
    assert looked_for(reports) == timedelta(minutes=3)


async def test_the_command_counts_the_journal_of_a_site(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "village.yaml").write_text(
        "site: {slug: demo}\n"
        "sources: {eyes: {driver: vision, cameras: {yard: {url: 'rtsp://127.0.0.1:9/x', shadow: true}}}}\n"
        "devices: {yard: {source: eyes}}\n",
        encoding="utf-8",
    )
    now = SystemClock().now().replace(microsecond=0)
    number = Shelf(tmp_path / "state" / "eyes" / "evidence").put(
        now, {"camera": "yard"}, {"snapshot.jpg": b"x"}
    )
    notebook.mark(tmp_path / "state" / "eyes" / "evidence", number, right=False, by="Lin", at=now)
    with Journal(tmp_path / "state", ManualClock(now), StoreSettings(), boot="b") as journal:
        for minute in range(120, 0, -1):
            at = now - timedelta(minutes=minute)
            await journal.append(Delivery((Reading("yard/camera_fps", 5.0, at, at, Flag.GOOD),)))
        at = now - timedelta(minutes=30)
        await journal.append(
            Delivery((Event("yard", "fire_shadow", at, at, 0.8, {"state": "confirmed"}, number),))
        )
        journal.flush()
    words = ["vision", "shadow", str(tmp_path), "--days", "1", "--lang", "en"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "yard  fire: in 0.1 days would have told 1 times (right 0, false 1, not marked 0)" in said
    assert main([*words, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["false_a_day"] == pytest.approx(1 / (119 / 1440), rel=1e-3)


def test_the_driver_puts_a_camera_in_shadow_by_the_day_of_the_village(
    tmp_path: Path, clock: ManualClock, quantities: Quantities, catalogue: Catalogue
) -> None:
    """It is noon of 18 July: in shadow until the 19th, not any more until the 18th."""
    for day, kind in (("2026-07-19", "fire_shadow"), ("2026-07-18", "fire")):
        settings = vision.Settings.model_validate(
            {"cameras": {"yard": {"url": "rtsp://127.0.0.1:9/x", "shadow": day}}}
        )
        device = Device("yard-camera", DeviceSettings(source="eyes", address="yard"))
        given = Context(
            name="eyes", site="demo", devices=(device,), quantities=quantities, catalogue=catalogue, clock=clock,
            health=SourceHealth(), state_dir=tmp_path, zone=ZONE,
        )  # fmt: skip
        (delivery,) = vision.Driver(settings, given)._deliveries(LINE)
        (event,) = delivery.observations
        assert isinstance(event, Event)
        assert (event.source, event.kind) == ("yard-camera", kind)
