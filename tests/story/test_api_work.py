"""What people and programs do over the API: rules tried and written, alerts put aside, Grafana's word, the round."""

from __future__ import annotations

import asyncio
import io
import tarfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.__main__ import main
from gateway.app import House
from gateway.clock import ManualClock
from gateway.model import Delivery, Reading
from gateway.store.accounts import Role
from tests.conftest import NOON
from tests.contract.test_api import SITE as WITHOUT_MAP
from tests.house import house
from tests.visitor import PASSWORD, Visitor, visitor

SITE = WITHOUT_MAP.replace(", map: map.png", "").replace(
    "duty:\n", "duty:\n  rounds: {cleaner: ['14:00']}\n"
) + ("  bin-2: {source: radio, address: bin-2, cell: east, role: cleaner, lat: 28.002, lon: 120.002}\n")
RULE = {
    "id": "well-low",
    "name": {"zh": "井水偏低", "en": "The well is low"},
    "when": {"water_level": {"below": "1 m"}},
    "severity": "yellow",
    "tell": ["cleaner"],
}


async def hear(building: House, series: str, *values: float, minutes: float = 10) -> None:
    """Values one after the other, the clock going on with them."""
    clock = building.clock
    assert isinstance(clock, ManualClock)
    for value in values:
        await clock.advance(minutes * 60)
        now = clock.now()
        await building.bus.put(Delivery((Reading(series, value, now, now),)))
        while series not in building.latest or building.latest[series].at != now:
            await asyncio.sleep(0)
    await asyncio.to_thread(building.journal.flush)


async def test_a_rule_is_checked_tried_on_the_past_written_and_taken_away(tmp_path: Path) -> None:
    own = tmp_path / "rules" / "own.yaml"
    own.parent.mkdir()
    own.write_text("# ours\nversion: 1\nrules: []\n# - id: example\n", encoding="utf-8")
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        await hear(building, "bin-1/water_level", 2.0, 0.5, 0.4, 2.0, 0.6, 2.0)
        admin = await visitor(building, Role.ADMIN)
        wrong = {**RULE, "when": {"water_level": {"below": "1 kg"}}}
        reply = await admin.post("/api/v1/rules/check", {"rule": wrong})
        assert reply.status == 422
        assert "own.yaml" in reply.body["faults"][0]
        good = (await admin.post("/api/v1/rules/check", {"rule": RULE})).body
        assert good["explained"][1].startswith("yellow")
        text = "id: well-low\nwhen: {water_level: {below: 1 m}}\nseverity: yellow\n"
        assert (await admin.post("/api/v1/rules/check", {"yaml": text})).status == 200
        tried = (await admin.post("/api/v1/rules/dry-run", {"rule": RULE, "days": 1})).body
        assert (tried["fired"], tried["targets"], tried["whole"]) == (2, 1, True)
        assert own.read_text(encoding="utf-8") == "# ours\nversion: 1\nrules: []\n# - id: example\n"
        reply = await admin.post("/api/v1/rules/well-low", RULE, "PUT")
        assert reply.status == 200, reply.raw
        text = own.read_text(encoding="utf-8")
        assert "# ours" in text
        assert "# - id: example" in text
        one = (await admin.get("/api/v1/rules/well-low")).body
        assert (one["judged"], one["own"], one["title"]["zh"]) == (True, True, "井水偏低")
        reply = await admin.post("/api/v1/rules/bin-full", {"enabled": False}, "PUT")
        assert reply.status == 200, reply.raw
        assert not (await admin.get("/api/v1/rules/bin-full")).body["judged"]
        assert (await admin.post("/api/v1/rules/bin-full", None, "DELETE")).status == 200
        assert (await admin.get("/api/v1/rules/bin-full")).body["judged"]
        assert (await admin.post("/api/v1/rules/well-low", None, "DELETE")).status == 200
        assert (await admin.get("/api/v1/rules/well-low")).status == 404
        assert (await admin.post("/api/v1/rules/well-low", None, "DELETE")).status == 404
        actions = [deed.action for _, deed in building.accounts.trail(None, 4)]
        assert actions == ["rules.remove", "rules.remove", "rules.change", "rules.change"]


async def test_an_alert_is_taken_on_put_aside_and_its_time_line_tells_it(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        await hear(building, "bin-1/fill", 85, 86, 87)
        worker, operator = await visitor(building, Role.WORKER), await visitor(building, Role.OPERATOR, "he")
        (alert,) = [one for one in (await worker.get("/api/v1/alerts")).body if one["rule"] == "bin-full"]
        assert (alert["state"], alert["unit"], alert["masks"]) == ("firing", "%", [])
        which = {"rule": "bin-full", "target": "bin-1"}
        assert (await worker.post("/api/v1/alerts/ack", which)).body["acknowledged"]["by"] == "a-worker"
        aside = {**which, "minutes": 60, "why": "the lorry is broken"}
        assert (await worker.post("/api/v1/alerts/shelve", aside)).status == 403
        assert (await operator.post("/api/v1/alerts/shelve", which)).body["key"] == "why"
        both = {**aside, "until": "2026-07-18T09:00:00Z"}
        assert (await operator.post("/api/v1/alerts/shelve", both)).status == 400
        shelved = (await operator.post("/api/v1/alerts/shelve", aside)).body
        assert [(one["kind"], one["by"], one["why"]) for one in shelved["masks"]] == [
            ("shelved", "he", "the lorry is broken")
        ]
        too_long = {**which, "minutes": 3 * 24 * 60, "why": "x"}
        assert (await operator.post("/api/v1/alerts/shelve", too_long)).status == 409
        assert (await operator.post("/api/v1/alerts/unshelve", which)).body["masks"] == []
        assert (await operator.post("/api/v1/alerts/unshelve", which)).status == 409
        await asyncio.to_thread(building.journal.flush)
        line = (await worker.get("/api/v1/alerts/bin-full/bin-1")).body["timeline"]
        assert {"state", "ack", "mask"} <= {one["kind"] for one in line}
        assert any("the lorry is broken" in one["text"] for one in line)


async def test_what_is_over_is_history_with_its_worst_and_its_times(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        await hear(building, "bin-1/fill", 85, 86, 96, 97, 98, 10, 9, 8)
        viewer = await visitor(building)
        (one,) = [
            one for one in (await viewer.get("/api/v1/alerts/history")).body if one["rule"] == "bin-full"
        ]
        assert (one["severity"], one["device"], one["title"]["zh"]) == ("orange", "bin-1", "垃圾桶满溢")
        assert one["began"] < one["ended"]
        early = (NOON - timedelta(days=1)).isoformat().replace("+00:00", "Z")
        assert (await viewer.get(f"/api/v1/alerts/history?to={early}")).body == []


async def test_a_device_out_of_service_is_masked(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        await hear(building, "bin-1/fill", 85, 86)
        operator = await visitor(building, Role.OPERATOR)
        said = {"device": "bin-1", "minutes": 30, "why": "new battery"}
        assert (await operator.post("/api/v1/maintenance", said)).status == 200
        (alert,) = [one for one in (await operator.get("/api/v1/alerts")).body if one["rule"] == "bin-full"]
        assert [one["kind"] for one in alert["masks"]] == ["maintenance"]
        assert (await operator.post("/api/v1/maintenance", {"device": "bin-1"}, "DELETE")).status == 200
        assert (await operator.post("/api/v1/maintenance", {**said, "device": "bin-9"})).status == 409


GRAFANA: dict[str, Any] = {
    "receiver": "village gateway",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "Gateway silent", "severity": "critical", "device": "bin-2"},
            "annotations": {"summary": "nothing for 10 min"},
            "startsAt": "2026-07-18T03:59:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://grafana.example/alerting/grafana/x/view",
            "fingerprint": "c6eadffa33fcdf37",
            "silenceURL": "http://grafana.example/alerting/silence/new",
            "values": {"B": 0, "C": 1},
            "valueString": "[ var='B' ]",
        },
        {"status": "resolved", "labels": {"alertname": "Other"}, "endsAt": "2026-07-18T04:00:00Z"},
        {
            "status": "firing",
            "labels": {"alertname": "x" * 5000, "device": "../../etc"},
            "startsAt": "rubbish",
        },
    ],
    "groupLabels": {},
    "commonLabels": {},
    "externalURL": "http://grafana.example/",
    "version": "1",
    "orgId": 1,
    "state": "alerting",
}


async def test_an_alert_of_grafana_becomes_an_event_of_its_device(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        key = building.accounts.new_token("grafana", Role.WORKER, None, "admin")
        program = Visitor(building.address, key=key)
        assert (await Visitor(building.address).post("/api/v1/hooks/grafana", GRAFANA)).status == 401
        reply = await program.post("/api/v1/hooks/grafana", GRAFANA, Sec_Fetch_Site=None)
        assert reply.body == {"events": 3, "left_out": 0}
        while building.spine is None or building.spine.events < 3:
            await asyncio.sleep(0)
        await asyncio.to_thread(building.journal.flush)
        found = {one["detail"]["name"][:5]: one for one in (await program.get("/api/v1/events")).body}
        assert (found["Gatew"]["source"], found["Gatew"]["kind"]) == ("bin-2", "grafana_alert")
        assert found["Gatew"]["at"].startswith("2026-07-18T03:59")
        assert found["Gatew"]["detail"]["summary"] == "nothing for 10 min"
        assert (found["Other"]["source"], found["Other"]["kind"]) == ("gateway", "grafana_resolved")
        assert found["xxxxx"]["source"] == "gateway"
        assert len(found["xxxxx"]["detail"]["name"]) == 200


async def test_the_round_shows_what_is_full_in_walking_order_and_when_the_rest_will_be(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        await hear(building, "bin-2/fill", *range(30, 62, 4), minutes=60)
        await hear(building, "bin-1/fill", 85, 86, 87)
        worker = await visitor(building, Role.WORKER)
        mine = (await worker.get("/api/v1/round?role=cleaner")).body
        assert "bin-1" in [stop["device"] for stop in mine["stops"]]
        whole = (await worker.get("/api/v1/round?role=cleaner&all=true")).body
        assert [stop["device"] for stop in whole["stops"]] == ["bin-1", "bin-2"]
        assert whole["length_m"] == pytest.approx(297, abs=5)
        now = building.clock.now()
        begins = datetime.fromisoformat(whole["at"])
        assert (begins.hour, begins > now) == (6, True)  # 14:00 in the village
        second = whole["stops"][1]
        assert second["fill"] == 58
        assert second["full_in_s"] == pytest.approx(8 * 3600, rel=0.1)  # 4 points an hour, 32 to go
        wrong = await worker.get("/api/v1/round?role=cleaners")
        assert wrong.status == 422
        assert "did you mean cleaner?" in wrong.body["error"]


async def test_users_and_keys_are_managed_from_the_boxs_own_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        state = str(building.state_dir)

        async def village(*words: str, typed: str = "") -> tuple[int, str]:

            monkeypatch.setattr("sys.stdin", io.StringIO(typed))
            code = await asyncio.to_thread(main, [*words, "--state", state])
            told = capsys.readouterr()
            return code, told.out + told.err

        code, first = await village("users", "first-password")
        assert code == 0
        assert (await Visitor(building.address).sign_in("admin", first.strip())).status == 200
        assert (
            await village("users", "add", "lin", "--role", "operator", "--person", "lin", typed=PASSWORD)
        )[0] == 0
        assert "lin" in (await village("users", "list"))[1]
        lin = Visitor(building.address)
        assert (await lin.sign_in("lin")).body["must_change"]
        code, told = await village("users", "add", "chen", "--role", "viewer", typed="short")
        assert code == 69
        assert "at least 10 letters" in told
        assert (await village("users", "role", "admin", "viewer"))[0] == 69  # the only admin
        assert (await village("users", "role", "lin", "admin"))[0] == 0
        assert (await village("users", "remove", "admin"))[0] == 0
        assert (await village("users", "password", "lin", typed="another-river-stone"))[0] == 0
        assert (await lin.get("/api/v1/session")).status == 401
        code, key = await village("tokens", "add", "grafana", "--role", "viewer", "--for", "30d")
        program = Visitor(building.address, key=key.strip())
        assert (await program.get("/api/v1/latest")).status == 200
        assert "grafana" in (await village("tokens", "list"))[1]
        assert key.strip() not in (await village("tokens", "list"))[1]
        number = str(building.accounts.tokens[0].id)
        assert (await village("tokens", "remove", number))[0] == 0
        assert (await program.get("/api/v1/latest")).status == 401


async def test_no_secret_is_in_the_log_the_trail_or_the_backup(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    planted = "planted-Secret-3141"
    async with house(tmp_path, ManualClock(NOON), SITE) as building:
        admin = await visitor(building, Role.ADMIN)
        await admin.post("/api/v1/users", {"user": "chen", "password": planted, "role": "viewer"})
        chen = Visitor(building.address)
        assert (await chen.sign_in("chen", planted)).status == 200
        await chen.sign_in("chen", f"{planted}-wrong")
        key = (await admin.post("/api/v1/tokens", {"name": "x", "role": "viewer"})).body["token"]
        trail = (await admin.get("/api/v1/audit?limit=1000")).raw.decode()
        target = tmp_path / "copy.tar"
        await asyncio.to_thread(building.journal.backup, target)
        with tarfile.open(target) as copy:
            accounts = copy.extractfile("accounts.db")
            assert accounts is not None
            assert accounts.read(15) == b"SQLite format 3"
        everything = [caplog.text, trail, target.read_bytes().decode("latin-1")]
        for secret in (planted, key, chen.cookie, admin.cookie, admin.csrf):
            assert not [where for where in everything if secret in where]
