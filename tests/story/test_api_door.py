"""Who may come in: signing in and out, CSRF, fixation, tries, roles that are not enough."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway import control
from gateway.accounts import FIRST, Accounts
from gateway.clock import ManualClock
from gateway.doctor import examine
from gateway.settings import SessionSettings
from gateway.store.accounts import Role
from tests.conftest import NOON
from tests.house import house
from tests.visitor import PASSWORD, Visitor, user, visitor


async def test_a_new_box_has_one_user_whose_password_must_be_changed(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        file = building.state_dir / FIRST
        assert file.stat().st_mode & 0o777 == 0o600
        first = file.read_text().strip()
        admin = Visitor(building.address)
        reply = await admin.sign_in("admin", first)
        assert reply.body["must_change"]
        refused = await admin.get("/api/v1/latest")
        assert refused.status == 403
        assert refused.body["key"] == "must_change"
        old = admin.cookie
        reply = await admin.post("/api/v1/session/password", {"old": first, "new": PASSWORD})
        assert reply.status == 200
        assert not reply.body["must_change"]
        assert admin.cookie != old
        assert not file.exists()
        assert (await Visitor(building.address, cookie=old).get("/api/v1/session")).status == 401
        assert (await admin.get("/api/v1/latest")).status == 200
        assert (await Visitor(building.address).sign_in("admin", first)).status == 401


async def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        await user(building, "lin", Role.VIEWER)
        reply = await Visitor(building.address).sign_in("lin")
        said = reply.headers["set-cookie"].lower()
        assert "httponly" in said
        assert "samesite=strict" in said
        assert "secure" not in said  # plain http on the loopback: the browser would not send it back


async def test_a_key_brought_along_is_never_kept_on(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        await user(building, "lin", Role.VIEWER)
        lin = Visitor(building.address, cookie="chosen-by-somebody-else")
        await lin.sign_in("lin")
        assert lin.cookie != "chosen-by-somebody-else"
        earlier = lin.cookie
        await lin.sign_in("lin")
        assert (await Visitor(building.address, cookie=earlier).get("/api/v1/session")).status == 401


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"X_CSRF_Token": "0" * 64}, "X-CSRF-Token"),
        ({"X_CSRF_Token": ""}, "X-CSRF-Token"),
        ({"Sec_Fetch_Site": "cross-site"}, "another site"),
        ({"Sec_Fetch_Site": "same-site"}, "another site"),
        ({"Sec_Fetch_Site": None, "Origin": "http://evil.example"}, "another site"),
        ({"Sec_Fetch_Site": None, "Origin": "null"}, "another site"),
        ({"Sec_Fetch_Site": None}, "another site"),
    ],
    ids=str,
)
async def test_a_change_that_does_not_come_from_our_page_is_refused(
    tmp_path: Path, headers: dict[str, str], why: str
) -> None:
    async with house(
        tmp_path, ManualClock(NOON), "site: {slug: demo, language: en}\napi: {port: 0}\n"
    ) as building:
        admin = await visitor(building, Role.ADMIN)
        reply = await admin.post("/api/v1/reload", None, **headers)
        assert reply.status == 403
        assert why in reply.body["error"]
        assert (await admin.post("/api/v1/reload", None)).status == 200
        own = {"Sec_Fetch_Site": None, "Origin": building.address}
        assert (await admin.post("/api/v1/reload", None, **own)).status == 200


async def test_signing_in_from_another_site_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        await user(building, "lin", Role.VIEWER)
        wanted = {"user": "lin", "password": PASSWORD}
        reply = await Visitor(building.address).post("/api/v1/session", wanted, Sec_Fetch_Site="cross-site")
        assert reply.status == 403
        assert "set-cookie" not in reply.headers


async def test_a_form_cannot_pretend_to_be_json(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        await user(building, "lin", Role.VIEWER)
        reply = await asyncio.to_thread(
            Visitor(building.address).ask,
            "/api/v1/session",
            None,
            "POST",
            b'{"user": "lin", "password": "x"}',
            Content_Type="text/plain",
        )
        assert reply.status == 415


async def test_after_five_wrong_passwords_each_try_waits_longer_and_the_right_one_clears_it(
    tmp_path: Path,
) -> None:
    clock = ManualClock(NOON)
    async with house(tmp_path, clock) as building:
        await user(building, "lin", Role.VIEWER)
        lin = Visitor(building.address)
        for _ in range(5):
            assert (await lin.sign_in("lin", "wrong-password")).status == 401
        reply = await lin.sign_in("lin")
        assert reply.status == 429
        assert reply.headers["retry-after"] == "5"
        await clock.advance(5)
        assert (await lin.sign_in("lin", "wrong-password")).status == 401
        assert (await lin.sign_in("lin")).headers["retry-after"] == "10"
        await clock.advance(10)
        assert (await lin.sign_in("lin")).status == 200
        assert (await lin.sign_in("lin", "wrong-password")).status == 401  # counted from one again
        assert (await lin.sign_in("lin")).status == 200
        trail = [deed.action for _, deed in building.accounts.trail(None, 50)]
        assert trail.count("session.refused") == 7


async def test_who_does_not_exist_is_answered_like_a_wrong_password(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        await user(building, "lin", Role.VIEWER)
        wrong = await Visitor(building.address).sign_in("lin", "wrong-password")
        nobody = await Visitor(building.address).sign_in("nobody", "wrong-password")
        assert (wrong.status, wrong.body) == (nobody.status, nobody.body)


async def test_signing_out_ends_the_session_at_once(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        lin = await visitor(building)
        cookie = lin.cookie
        assert (await lin.post("/api/v1/session", None, "DELETE")).status == 200
        assert (await Visitor(building.address, cookie=cookie).get("/api/v1/latest")).status == 401


async def test_an_operator_is_signed_out_after_half_an_hour_a_viewer_after_a_week(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with house(tmp_path, clock) as building:
        operator, viewer = await visitor(building, Role.OPERATOR), await visitor(building)
        await clock.advance(29 * 60)
        assert (await operator.get("/api/v1/session")).status == 200  # a sign of life
        await clock.advance(29 * 60)
        assert (await operator.get("/api/v1/session")).status == 200
        await clock.advance(31 * 60)
        assert (await operator.get("/api/v1/session")).status == 401
        assert (await viewer.get("/api/v1/session")).status == 200


def test_sessions_outlive_a_restart_and_end_after_thirty_days_whatever_they_do(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    one = Accounts(tmp_path, clock, SessionSettings())
    one.open()
    key = one.begin("admin", "192.0.2.7")
    one.close()
    two = Accounts(tmp_path, clock, SessionSettings())
    two.open()
    who = two.by_session(key, "192.0.2.7")
    assert who is not None
    assert who.role is Role.ADMIN
    assert key.encode() not in (tmp_path / "accounts.db").read_bytes()  # only its fingerprint is kept
    two.close()


async def test_no_role_can_do_what_the_next_one_may(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        viewer = await visitor(building, Role.VIEWER)
        which = {"rule": "a", "target": "b"}
        assert (await viewer.post("/api/v1/alerts/ack", which)).status == 403
        assert (await (await visitor(building, Role.WORKER)).post("/api/v1/alerts/ack", which)).status == 404
        worker = await visitor(building, Role.WORKER)
        assert (await worker.post("/api/v1/alerts/confirm", which)).status == 403
        operator = await visitor(building, Role.OPERATOR)
        assert (await operator.post("/api/v1/reload", None)).status == 403


async def test_a_program_with_a_key_needs_no_csrf_word_and_a_wrong_key_opens_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        key = building.accounts.new_token("grafana", Role.OPERATOR, None, "admin")
        which = {"rule": "a", "target": "b"}
        program = Visitor(building.address, key=key)
        assert (await program.post("/api/v1/alerts/ack", which, Sec_Fetch_Site=None)).status == 404
        assert (await Visitor(building.address, key="vg_wrong").get("/healthz")).status == 401
        assert building.accounts.drop_token(building.accounts.tokens[0].id)
        assert (await program.get("/api/v1/latest")).status == 401


async def test_a_broken_accounts_file_keeps_people_out_but_never_the_alarms(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "accounts.db").write_bytes(b"this is no database at all" * 100)
    async with house(tmp_path, ManualClock(NOON)) as building:
        assert building.accounts.broken
        reply = await Visitor(building.address).sign_in("admin", "anything-at-all")
        assert reply.status == 503
        assert (await Visitor(building.address).get("/healthz")).status == 200
        assert not (building.state_dir / FIRST).exists()  # no fresh way in
        done = await asyncio.to_thread(control.ask, building.state_dir, "/api/v1/reload", method="POST")
        assert done["sources"]["kept"] == ["health"]
        assert [one.kind for one in examine(building.status()) if one.urgent] == ["accounts"]


async def test_security_headers_stand_on_every_answer(tmp_path: Path) -> None:
    async with house(tmp_path, ManualClock(NOON)) as building:
        somebody = Visitor(building.address)
        for path in ("/healthz", "/api/v1/status", "/nowhere", "/api/v1/openapi.json"):
            headers = (await somebody.get(path)).headers
            assert "default-src 'self'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "server" not in headers
        assert (await somebody.get("/api/v1/openapi.json")).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("proxy", [True, False])
async def test_who_has_asked_is_believed_of_a_proxy_only_where_the_site_names_one(
    tmp_path: Path, proxy: bool
) -> None:
    site = f"site: {{slug: demo}}\napi: {{port: 0, proxy: {str(proxy).lower()}}}\n"
    async with house(tmp_path, ManualClock(NOON), site) as building:
        await user(building, "lin", Role.VIEWER)
        lin = Visitor(
            building.address, headers={"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
        )
        reply = await lin.sign_in("lin")
        assert reply.status == 200
        assert ("secure" in reply.headers["set-cookie"].lower()) is proxy
        deed = building.accounts.trail(None, 1)[0][1]
        assert deed.address == ("198.51.100.7" if proxy else "127.0.0.1")
