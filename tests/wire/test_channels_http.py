"""Services that answer as their documents say, over real sockets: HTTP 200 with an error code is a failure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.clock import ManualClock
from gateway.errors import Broken, DeliveryError, Retry, Uncertain, Undeliverable
from gateway.model import Severity
from tests.channels import AT, BOT_TOKEN, PNG, SECRET, channel, notice
from tests.wire.scripted import Answer, Scripted, cut, mute, replied, scripted

TOKEN_OK = {"errcode": 0, "errmsg": "ok", "access_token": "acc3ss-t0ken", "expires_in": 7200}
OK = {
    "dingtalk": {"errcode": 0, "errmsg": "ok"},
    "feishu": {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"},
    "wecom_bot": {"errcode": 0, "errmsg": "ok"},
    "wecom_app": {"errcode": 0, "errmsg": "ok", "msgid": "msg-1"},
    "webhook": {"code": 0, "id": "7"},
    "ntfy": {"id": "hwQ2YpKdmg", "time": 1784347200, "event": "message", "topic": "duty-li"},
    "telegram": {"ok": True, "result": {"message_id": 42}},
}
HTTP = sorted(OK)


def says(document: Any, status: int = 200, *headers: str) -> Answer:
    return replied(status, json.dumps(document, ensure_ascii=False).encode(), *headers)


def before(kind: str) -> list[Answer]:
    return [says(TOKEN_OK)] if kind == "wecom_app" else []


def sent(server: Scripted, index: int = -1) -> tuple[str, dict[str, str], Any]:
    """Target, headers and JSON body of one request."""
    head, _, body = server.heard[index].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return first.split(" ")[1], headers, json.loads(body) if body.startswith(b"{") else body


def fault(kind: str, folder: Path, *answers: Answer, **more: Any) -> DeliveryError:
    with scripted(*before(kind), *answers) as server:
        far = channel(kind, folder, server.port, **more)
        with pytest.raises(DeliveryError) as caught:
            far.deliver(notice(kind))
    shown = f"{caught.value!r} {caught.value.__cause__!r}"
    assert not any(secret in shown for secret in (SECRET, BOT_TOKEN, "acc3ss-t0ken", "SECsign"))
    return caught.value


@pytest.mark.parametrize("kind", HTTP)
def test_what_is_taken_is_accepted_and_never_called_delivered(kind: str, tmp_path: Path) -> None:
    with scripted(*before(kind), says(OK[kind])) as server:
        told = channel(kind, tmp_path, server.port).deliver(notice(kind))
        assert told.state == "accepted"
        assert told.words
        assert "3号桶" in json.dumps(sent(server)[2], ensure_ascii=False)
        assert len(server.heard) == 1 + len(before(kind))


def test_the_number_at_the_service_is_kept_where_it_gives_one(tmp_path: Path) -> None:
    found = {}
    for kind in HTTP:
        with scripted(*before(kind), says(OK[kind])) as server:
            found[kind] = channel(kind, tmp_path, server.port).deliver(notice(kind)).provider_id
    numbered = {kind: number for kind, number in found.items() if number}
    assert numbered == {"wecom_app": "msg-1", "webhook": "7", "ntfy": "hwQ2YpKdmg", "telegram": "42"}


@pytest.mark.parametrize(
    ("kind", "document", "error", "words"),
    [
        ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}, Broken, "keywords not in content"),
        ("dingtalk", {"errcode": 310000, "errmsg": "sign not match"}, Broken, "sign not match"),
        ("dingtalk", {"errcode": 310000, "errmsg": "invalid timestamp"}, Retry, "clock of this box"),
        ("dingtalk", {"errcode": 300001, "errmsg": "token is not exist"}, Broken, "token is not exist"),
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}, Retry, "too fast"),
        ("dingtalk", {"errcode": 430102, "errmsg": "unsafe content"}, Undeliverable, "unsafe content"),
        ("feishu", {"code": 19021, "msg": "sign match fail"}, Broken, "sign match fail"),
        ("feishu", {"code": 19024, "msg": "Key Words Not Found"}, Broken, "Key Words"),
        ("feishu", {"code": 9499, "msg": "too many request"}, Retry, "too many"),
        ("feishu", {"code": 11232, "msg": "frequency limited"}, Retry, "frequency"),
        ("feishu", {"StatusCode": 19002, "StatusMessage": "params error"}, Undeliverable, "params error"),
        ("wecom_bot", {"errcode": 93000, "errmsg": "invalid webhook url"}, Broken, "invalid webhook"),
        ("wecom_bot", {"errcode": 45009, "errmsg": "api freq out of limit"}, Retry, "freq out of limit"),
        ("wecom_bot", {"errcode": 40058, "errmsg": "text.content exceed max length 2048"}, Undeliverable, "2048"),
        ("wecom_app", {"errcode": 60020, "errmsg": "not allow to access from your ip"}, Broken, "your ip"),
        ("wecom_app", {"errcode": 81013, "errmsg": "user & party & tag all invalid"}, Undeliverable, "all invalid"),
        ("wecom_app", {"errcode": 0, "errmsg": "ok", "invaliduser": "LiLei"}, Undeliverable, "LiLei"),
        ("ntfy", {"code": 40301, "http": 403, "error": "forbidden"}, Retry, "forbidden"),
        ("telegram", {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}, Undeliverable, "chat"),
    ],
)  # fmt: skip
def test_an_error_in_the_body_of_a_200_is_a_failure(
    kind: str, document: Any, error: type[DeliveryError], words: str, tmp_path: Path
) -> None:
    found = fault(kind, tmp_path, says(document))
    assert type(found) is error
    assert words in str(found)


@pytest.mark.parametrize("kind", [kind for kind in HTTP if kind != "webhook"])
def test_a_page_with_200_is_no_success(kind: str, tmp_path: Path) -> None:
    page = b"<html><title>Please log in</title></html>"
    assert type(fault(kind, tmp_path, replied(200, page))) is Retry


@pytest.mark.parametrize("kind", HTTP)
def test_too_fast_waits_as_long_as_the_service_asks(kind: str, tmp_path: Path) -> None:
    found = fault(kind, tmp_path, replied(429, b"slow down", "Retry-After: 17"))
    assert type(found) is Retry
    assert found.after == timedelta(seconds=17)
    assert "slow down" in str(found)


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize(
    ("status", "error"), [(500, Retry), (503, Retry), (504, Uncertain), (401, Broken), (404, Broken), (413, Undeliverable)]
)  # fmt: skip
def test_a_status_means_the_same_everywhere(
    kind: str, status: int, error: type[DeliveryError], tmp_path: Path
) -> None:
    assert type(fault(kind, tmp_path, replied(status, b"words"))) is error


@pytest.mark.parametrize("kind", HTTP)
def test_nobody_is_followed_elsewhere_and_the_address_is_not_shown_whole(kind: str, tmp_path: Path) -> None:
    with scripted(says(OK[kind])) as elsewhere:
        place = f"Location: {elsewhere.url}/login?next={SECRET}"
        found = fault(kind, tmp_path, replied(302, b"", place))
        assert type(found) is Broken
        assert elsewhere.url in str(found)
        assert elsewhere.heard == []


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize("answer", [mute(1.3), cut(b""), cut(b"HTTP/1.1 200 OK\r\nContent-Le")])
def test_no_answer_after_the_whole_question_may_have_been_taken(
    kind: str, answer: Answer, tmp_path: Path
) -> None:
    with scripted(*before(kind), answer) as server:
        far = channel(kind, tmp_path, server.port)
        with pytest.raises(Uncertain):
            far.deliver(notice(kind))
        assert len(server.heard) == 1 + len(
            before(kind)
        )  # asked once: whether to double is not the channel's to decide


@pytest.mark.parametrize("kind", HTTP)
def test_an_answer_that_repeats_our_secret_is_blotted_out(kind: str, tmp_path: Path) -> None:
    secret = {"telegram": BOT_TOKEN, "wecom_app": "acc3ss-t0ken"}.get(kind, SECRET)
    found = fault(kind, tmp_path, replied(403, f"who is {secret}?".encode()))
    assert "who is ***?" in str(found)


def test_dingtalk_signs_with_timestamp_and_secret(tmp_path: Path) -> None:
    with scripted(says(OK["dingtalk"])) as server:
        channel("dingtalk", tmp_path, server.port, keyword="告警").deliver(notice(to="+86 138 0000 0000"))
        target, _, body = sent(server)
    query = parse_qs(urlsplit(target).query)
    stamp = str(int(AT.timestamp() * 1000))
    digest = hmac.new(b"SECsign-v1llage", f"{stamp}\nSECsign-v1llage".encode(), hashlib.sha256).digest()
    assert query == {
        "access_token": [SECRET],
        "timestamp": [stamp],
        "sign": [base64.b64encode(digest).decode()],
    }
    assert body["text"]["content"].endswith("\n告警\n@13800000000")
    assert body["at"] == {"atMobiles": ["13800000000"], "isAtAll": False}


def test_feishu_signs_nothing_with_timestamp_and_secret(tmp_path: Path) -> None:
    with scripted(says(OK["feishu"])) as server:
        far = channel("feishu", tmp_path, server.port)
        far.deliver(notice(to="all", text='<at user_id="all"></at> wakes nobody'))
        target, _, body = sent(server)
    key = f"{int(AT.timestamp())}\nSECsign-v1llage".encode()
    assert body["sign"] == base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
    assert target == f"/open-apis/bot/v2/hook/{SECRET}"
    assert body["content"]["text"].count("<at") == 1
    assert body["content"]["text"].endswith('<at user_id="all"></at>')


def test_a_webhook_is_signed_over_time_and_body_and_judged_by_what_it_must_say(tmp_path: Path) -> None:
    with scripted(says({"code": 0}), says({"code": 5, "message": "no"}), replied(200)) as server:
        far = channel("webhook", tmp_path, server.port, success={"code": 0})
        far.deliver(notice(to="li", picture=PNG, variables={"bin": "3"}))
        _, headers, body = sent(server)
        raw = server.heard[0].partition(b"\r\n\r\n")[2]
        for _ in range(2):
            with pytest.raises(Undeliverable, match="not code: 0"):
                far.deliver(notice())
    signed = hmac.new(SECRET.encode(), headers["x-village-timestamp"].encode() + b"." + raw, hashlib.sha256)
    assert headers["x-village-signature"] == f"sha256={signed.hexdigest()}"
    assert headers["idempotency-key"] == "alert-7"
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert base64.b64decode(body["picture"]) == PNG
    assert (body["to"], body["severity"], body["variables"]) == ("li", "yellow", {"bin": "3"})


def test_wecom_keeps_its_token_and_fetches_another_when_it_is_refused(tmp_path: Path) -> None:
    fresh = {**TOKEN_OK, "access_token": "another-t0ken"}
    clock = ManualClock(AT)
    answers = [says(TOKEN_OK), says(OK["wecom_app"]), says(OK["wecom_app"])]
    answers += [
        says({"errcode": 42001, "errmsg": "access_token expired"}),
        says(fresh),
        says(OK["wecom_app"]),
    ]
    with scripted(*answers) as server:
        far = channel("wecom_app", tmp_path, server.port, clock=clock)
        for _ in range(3):
            far.deliver(notice("wecom_app"))
        paths = [urlsplit(sent(server, index)[0]).path for index in range(6)]
        last = parse_qs(urlsplit(sent(server)[0]).query)
        body = sent(server)[2]
    send, token = "/cgi-bin/message/send", "/cgi-bin/gettoken"
    assert paths == [token, send, send, send, token, send]
    assert last == {"access_token": ["another-t0ken"]}
    assert body["enable_duplicate_check"] == 1


async def test_wecom_fetches_a_token_before_the_old_one_ends(tmp_path: Path) -> None:
    clock = ManualClock(AT)
    with scripted(says(TOKEN_OK), says(OK["wecom_app"]), says(TOKEN_OK), says(OK["wecom_app"])) as server:
        far = channel("wecom_app", tmp_path, server.port, clock=clock)
        far.deliver(notice("wecom_app"))
        await clock.advance(7000)
        far.deliver(notice("wecom_app"))
        assert len(server.heard) == 4


def test_wecom_says_when_the_secret_is_wrong_and_when_a_token_is_always_refused(tmp_path: Path) -> None:
    wrong = {"errcode": 40001, "errmsg": "invalid credential"}
    with scripted(says(wrong)) as server, pytest.raises(Broken, match="invalid credential"):
        channel("wecom_app", tmp_path, server.port).deliver(notice("wecom_app"))
    stale = says({"errcode": 40014, "errmsg": "invalid access_token"})
    with scripted(says(TOKEN_OK), stale, says(TOKEN_OK), stale) as server:
        with pytest.raises(Retry, match="invalid access_token"):
            channel("wecom_app", tmp_path, server.port).deliver(notice("wecom_app"))
        assert len(server.heard) == 4


@pytest.mark.parametrize(
    ("kind", "picture"),
    [
        ("wecom_bot", [says(OK["wecom_bot"])]),
        ("wecom_app", [says({"errcode": 0, "media_id": "m-1"}), says(OK["wecom_app"])]),
        ("ntfy", [says(OK["ntfy"])]),
        ("telegram", [says(OK["telegram"])]),
    ],
)
def test_the_picture_follows_the_words(kind: str, picture: list[Answer], tmp_path: Path) -> None:
    with scripted(*before(kind), says(OK[kind]), *picture) as server:
        told = channel(kind, tmp_path, server.port).deliver(notice(kind, picture=PNG))
        carried = b"".join(server.heard[1:])
        assert "picture: " in told.words
        assert PNG in carried or base64.b64encode(PNG) in carried
        assert len(server.heard) == len(before(kind)) + 1 + len(picture)


@pytest.mark.parametrize("kind", ["wecom_bot", "wecom_app", "ntfy", "telegram"])
def test_a_picture_that_is_refused_does_not_take_back_the_words(kind: str, tmp_path: Path) -> None:
    with scripted(*before(kind), says(OK[kind]), replied(413, b"too large")) as server:
        told = channel(kind, tmp_path, server.port).deliver(notice(kind, picture=PNG))
        assert "too large" in told.words
    with scripted(*before(kind), says(OK[kind])) as server:
        told = channel(kind, tmp_path, server.port).deliver(notice(kind, picture=b"GIF89a"))
        assert "neither JPEG nor PNG" in told.words
        assert len(server.heard) == len(before(kind)) + 1


def text_of(kind: str, body: Any) -> str:
    return str(
        {
            "dingtalk": lambda: body["text"]["content"],
            "feishu": lambda: body["content"]["text"],
            "wecom_bot": lambda: body["text"]["content"],
            "wecom_app": lambda: body["text"]["content"],
            "ntfy": lambda: body["message"],
            "telegram": lambda: body["text"],
        }[kind]()
    )


@pytest.mark.parametrize(
    ("kind", "room", "measure"),
    [
        ("dingtalk", 15_000, lambda text: len(text.encode())),
        ("feishu", 15_000, lambda text: len(text.encode())),
        ("wecom_bot", 2048, lambda text: len(text.encode())),
        ("wecom_app", 2048, lambda text: len(text.encode())),
        ("ntfy", 4096, lambda text: len(text.encode())),
        ("telegram", 4096, lambda text: len(text.encode("utf-16-le")) // 2),
    ],
)
def test_a_long_text_is_cut_to_the_room_there_is_and_says_so(
    kind: str, room: int, measure: Callable[[str], int], tmp_path: Path
) -> None:
    with scripted(*before(kind), says(OK[kind])) as server:
        channel(kind, tmp_path, server.port).deliver(notice(kind, text="满🗑" * 9000))
        text = text_of(kind, sent(server)[2])
    assert text.endswith("…（已截短）")
    assert room - 8 <= measure(text) <= room


@pytest.mark.parametrize(("kind", "most"), [("dingtalk", 20), ("wecom_bot", 20), ("feishu", 5)])
async def test_a_bot_is_not_asked_more_often_than_it_takes(kind: str, most: int, tmp_path: Path) -> None:
    clock = ManualClock(AT)
    with scripted(*[says(OK[kind])] * (most + 1)) as server:
        far = channel(kind, tmp_path, server.port, clock=clock)
        for _ in range(most):
            far.deliver(notice(kind))
        with pytest.raises(Retry, match=f"at most {most} messages") as caught:
            far.deliver(notice(kind))
        assert len(server.heard) == most
        assert caught.value.after
        await clock.advance(caught.value.after.total_seconds())
        far.deliver(notice(kind))


def test_telegram_says_how_long_to_wait_in_its_body_and_where_a_group_has_gone(tmp_path: Path) -> None:
    fast = {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests",
        "parameters": {"retry_after": 9},
    }
    found = fault("telegram", tmp_path, says(fast, 429))
    assert isinstance(found, Retry)
    assert found.after == timedelta(seconds=9)
    moved = {
        "ok": False,
        "error_code": 400,
        "description": "upgraded",
        "parameters": {"migrate_to_chat_id": -100},
    }
    assert "the chat is now -100" in str(fault("telegram", tmp_path, says(moved, 400)))
    blocked = {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}
    assert type(fault("telegram", tmp_path, says(blocked, 403))) is Undeliverable


@pytest.mark.parametrize(
    ("severity", "priority"), [(Severity.INFO, 3), (Severity.ORANGE, 4), (Severity.RED, 5)]
)
def test_ntfy_rings_louder_for_what_is_worse(severity: Severity, priority: int, tmp_path: Path) -> None:
    with scripted(says(OK["ntfy"])) as server:
        channel("ntfy", tmp_path, server.port, language="en").deliver(notice("ntfy", severity=severity))
        body = sent(server)[2]
    assert body["priority"] == priority
    assert body["title"] == "[六合村] 3号桶已满"
