"""Aliyun and Tencent as they answer according to their documents, errors with HTTP 200 included, on a real socket."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from gateway.clock import ManualClock
from gateway.contracts import ChannelContext
from gateway.errors import Broken, Retry, Uncertain, Undeliverable
from gateway.model import Notice, Severity
from gateway.notify import telephone
from gateway.notify.channels import aliyun_sms, aliyun_voice, tencent_sms, tencent_voice

TEL = "13912345678"
SECRET = "secret-of-the-test"
PLAIN = {"code": "SMS_1", "variables": {"place": {"most": 20}, "count": {"kind": "number"}}}


class FarEnd:
    """Answers from a list; keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, object] | None] = []
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        far = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                far.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                answer = far.answers.pop(0)
                if answer is None:  # it has taken the request and the line breaks
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                status, document = answer
                raw = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args: object) -> None:
                del args

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def query(self, index: int = -1) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(urlsplit(self.asked[index][0]).query).items()}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def far() -> Iterator[FarEnd]:
    end = FarEnd()
    yield end
    end.close()


Build = Callable[..., telephone.Telephone]


@pytest.fixture
def build(far, clock, tmp_path) -> Build:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(0o600)

    def made(module, templates=None, **more):
        keys = (
            {"access_key_id": "LTAI5tExample", "access_key_secret_file": str(file)}
            if module in (aliyun_sms, aliyun_voice)
            else {"secret_id": "AKIDexample", "secret_key_file": str(file), "app_id": "1400006666"}
        )
        if module in (aliyun_sms, tencent_sms):
            keys["sign_name"] = "青山村"
        given = {
            **keys,
            "templates": templates or {"default": PLAIN},
            "endpoint": far.url,
            "timeout": "2s",
            **more,
        }
        context = ChannelContext("phone", "青山村", "zh", clock, tmp_path / "state")
        return module.Channel(module.Settings.model_validate(given), context)

    return made


def notice(
    number: str = TEL, *, key: str = "n-1", severity: Severity = Severity.YELLOW, **variables
) -> Notice:
    return Notice(
        key, number, "满", "满了", severity, "bin_full", variables or {"place": "村口", "count": "3"}
    )


def test_aliyun_sms_goes_out_with_template_signature_and_our_id(far, build):
    far.answers = [
        (200, {"Message": "OK", "RequestId": "F655", "Code": "OK", "BizId": "900619746936498440^0"})
    ]
    sent = build(aliyun_sms).deliver(notice())
    assert (sent.provider_id, sent.state) == ("900619746936498440^0", "accepted")
    query = far.query()
    assert query["PhoneNumbers"] == TEL
    assert query["SignName"] == "青山村"
    assert json.loads(query["TemplateParam"]) == {"place": "村口", "count": "3"}
    assert query["OutId"] == "n-1"
    headers = far.asked[0][1]
    assert headers["x-acs-action"] == "SendSms"
    assert headers["authorization"].startswith(
        "ACS3-HMAC-SHA256 Credential=LTAI5tExample,SignedHeaders=host;"
    )
    assert headers["host"] == urlsplit(far.url).netloc
    assert SECRET not in str(far.asked)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "触发分钟级流控Permits:1"}, Retry),
        (200, {"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": f"{TEL}invalid mobile number"}, Undeliverable),
        (200, {"Code": "isv.AMOUNT_NOT_ENOUGH", "Message": "账户余额不足"}, Broken),
        (
            404,
            {"Code": "InvalidAccessKeyId.NotFound", "Message": "Specified access key is not found."},
            Broken,
        ),
        (503, {"Code": "ServiceUnavailable", "Message": "busy"}, Retry),
        (200, b"<html>log in to the hotel</html>", Retry),
        (502, b"<html>Bad Gateway</html>", Uncertain),
        (200, {"hello": 1}, Retry),
        (200, [1], Retry),
    ],
)
def test_aliyun_is_judged_by_its_body_and_no_number_is_shown(far, build, status, body, kind):
    far.answers = [(status, body)]
    with pytest.raises(kind) as caught:
        build(aliyun_sms).deliver(notice())
    assert type(caught.value) is kind
    assert TEL not in str(caught.value)


def test_an_sms_whose_answer_never_came_is_asked_for_before_it_is_sent_again(far, build):
    far.answers = [None]
    with pytest.raises(Uncertain):
        build(aliyun_sms).deliver(notice())
    line = {"SendStatus": 3, "ErrCode": "DELIVERED", "OutId": "n-1", "PhoneNum": TEL}
    other = {"SendStatus": 2, "ErrCode": "MK:0001", "OutId": "n-0", "PhoneNum": TEL}
    details = {"SmsSendDetailDTO": [other, line]}
    far.answers = [(200, {"Code": "OK", "Message": "OK", "TotalCount": 2, "SmsSendDetailDTOs": details})]
    found = build(aliyun_sms).deliver(notice())  # another process: it has been written down
    assert found.state == "delivered"
    assert far.asked[-1][1]["x-acs-action"] == "QuerySendDetails"
    assert far.query()["SendDate"] == "20260718"


def test_an_sms_that_the_provider_never_got_is_sent_after_all(far, build, clock):
    far.answers = [None]
    channel = build(aliyun_sms)
    with pytest.raises(Uncertain):
        channel.deliver(notice())
    clock.move_to(clock.now() + timedelta(minutes=2))
    far.answers = [
        (
            200,
            {"Code": "OK", "Message": "OK", "TotalCount": 0, "SmsSendDetailDTOs": {"SmsSendDetailDTO": []}},
        ),
        (200, {"Code": "OK", "Message": "OK", "BizId": "7^0"}),
    ]
    assert channel.deliver(notice()).provider_id == "7^0"


def test_a_receipt_within_the_time_says_delivered_or_why_not(far, build, clock, monkeypatch):
    monkeypatch.setattr(telephone, "POLL_S", 0.01)

    def page(status: int, code: str) -> tuple[int, object]:
        line = {"SendStatus": status, "ErrCode": code, "OutId": "n-1"}
        return 200, {"Code": "OK", "Message": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": [line]}}

    ok = (200, {"Code": "OK", "Message": "OK", "BizId": "1^0"})
    channel = build(aliyun_sms, receipt_within="1s")
    far.answers = [ok, page(1, ""), (500, b"out of order"), page(3, "DELIVERED")]
    assert channel.deliver(notice()).state == "delivered"
    clock.move_to(clock.now() + timedelta(hours=4))
    far.answers = [ok, page(2, "MK:0001")]
    with pytest.raises(Retry, match="5 min"):
        channel.deliver(notice())
    clock.move_to(clock.now() + timedelta(hours=4))
    far.answers = [ok, page(2, "DB:0141")]
    with pytest.raises(Undeliverable, match="DB:0141"):
        channel.deliver(notice())


def test_a_question_for_a_receipt_that_is_refused_does_not_undo_the_message(far, build, monkeypatch):
    monkeypatch.setattr(telephone, "POLL_S", 0.05)
    refused = (200, {"Code": "isp.RAM_PERMISSION_DENY", "Message": "no"})
    far.answers = [(200, {"Code": "OK", "Message": "OK", "BizId": "1^0"}), refused, refused, refused]
    assert build(aliyun_sms, receipt_within="100ms").deliver(notice()).state == "accepted"


def test_the_second_message_within_a_minute_waits_but_a_fire_does_not(far, build):
    ok = (200, {"Code": "OK", "Message": "OK", "BizId": "1^0"})
    far.answers = [ok, ok]
    channel = build(aliyun_sms)
    channel.deliver(notice())
    with pytest.raises(Retry, match="limit 1 in 1 min") as caught:
        channel.deliver(notice(key="n-2"))
    assert caught.value.after == timedelta(minutes=1)
    assert TEL not in str(caught.value)
    channel.deliver(notice(key="n-3", severity=Severity.RED))
    assert len(far.asked) == 2


def test_what_does_not_fit_is_said_before_anything_is_sent(far, build):
    channel = build(aliyun_sms)
    bad = notice(place="10m²", count="viele")
    assert "平方米" in channel.unfit(bad)
    assert "'count'" in channel.unfit(bad)
    with pytest.raises(Undeliverable, match="平方米"):
        channel.deliver(bad)
    assert "eleven digits" in channel.unfit(notice("110"))
    assert channel.unfit(notice()) == ""
    assert far.asked == []


def test_nothing_listening_is_a_retry_and_a_secret_others_can_read_is_broken(far, build, tmp_path):
    channel = build(aliyun_sms, endpoint="http://127.0.0.1:9")
    with pytest.raises(Retry) as caught:
        channel.deliver(notice())
    assert type(caught.value) is Retry
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(Broken, match="chmod 600"):
        build(aliyun_sms).deliver(notice())


@pytest.mark.parametrize(
    "url", ["http://dysmsapi.aliyuncs.com", "ftp://x", "https://a/b", "dysmsapi.aliyuncs.com"]
)
def test_a_provider_is_reached_by_https_only(build, url):
    with pytest.raises(ValidationError, match="no address of a provider"):
        build(aliyun_sms, endpoint=url)


def test_aliyun_reads_a_text_out(far, build):
    far.answers = [
        (200, {"Code": "OK", "Message": "OK", "RequestId": "D9", "CallId": "116012354148^10281378"})
    ]
    call = {"code": "TTS_1", "variables": {"place": {}}}
    assert build(aliyun_voice, {"default": call}).deliver(notice()).provider_id == "116012354148^10281378"
    query = far.query()
    assert (query["TtsCode"], query["TtsParam"], query["PlayTimes"]) == ("TTS_1", '{"place": "村口"}', "2")
    assert "CalledShowNumber" not in query
    assert far.asked[0][1]["x-acs-action"] == "SingleCallByTts"


IVR = {"code": "TTS_1", "keys": {"1": "TTS_ack", "2": "TTS_no"}, "goodbye": "TTS_bye"}


def test_a_call_that_asks_for_a_key_names_each_key_and_its_answer(far, build):
    far.answers = [(200, {"Code": "OK", "Message": "OK", "CallId": "1^2"})]
    build(aliyun_voice, {"default": IVR}, caller="057188776655").deliver(notice())
    query = far.query()
    assert far.asked[0][1]["x-acs-action"] == "IvrCall"
    assert (query["MenuKeyMap.1.Key"], query["MenuKeyMap.1.Code"]) == ("1", "TTS_ack")
    assert (query["MenuKeyMap.2.Key"], query["MenuKeyMap.2.Code"]) == ("2", "TTS_no")
    assert (query["StartCode"], query["ByeCode"]) == ("TTS_1", "TTS_bye")


def test_a_call_that_asks_needs_a_number_of_ones_own(build):
    with pytest.raises(ValidationError, match="caller:"):
        build(aliyun_voice, {"default": IVR})


@pytest.mark.parametrize(
    ("state", "kind"),
    [("200002", Retry), ("200010", Retry), ("200004", Undeliverable), ("200011", Undeliverable)],
)
def test_the_record_of_a_call_says_why_nobody_heard_it(far, build, monkeypatch, state, kind):
    monkeypatch.setattr(telephone, "POLL_S", 0.01)
    record = json.dumps({"callee": TEL, "state": state, "stateDesc": state, "duration": 0})
    far.answers = [
        (200, {"Code": "OK", "Message": "OK", "CallId": "1^2"}),
        (200, {"Code": "OK", "Message": "OK"}),  # too early: no Data yet
        (200, {"Code": "OK", "Message": "OK", "Data": record}),
    ]
    channel = build(aliyun_voice, {"default": {"code": "TTS_1"}}, receipt_within="1s")
    with pytest.raises(kind, match=state):
        channel.deliver(notice())
    assert far.query()["ProdId"] == "11000000300006"


def test_a_call_heard_to_the_end_is_delivered(far, build, monkeypatch):
    monkeypatch.setattr(telephone, "POLL_S", 0.01)
    far.answers = [
        (200, {"Code": "OK", "Message": "OK", "CallId": "1^2"}),
        (200, {"Code": "OK", "Message": "OK", "Data": json.dumps({"state": "200000"})}),
    ]
    assert (
        build(aliyun_voice, {"default": {"code": "TTS_1"}}, receipt_within="1s").deliver(notice()).state
        == "delivered"
    )


def test_pressed_keys_are_read_from_the_providers_report():
    report = [
        {"status_code": "200100", "call_id": "1^2", "out_id": "n-1"},
        {"status_code": "300000", "dtmf": "1", "call_id": "1^2", "out_id": "n-1"},
    ]
    assert aliyun_voice.pressed(json.dumps(report).encode()) == (aliyun_voice.Press("1^2", "n-1", "1"),)
    for bad in (b"", b"{}", b"[1]", b"[" * 100_000):
        with pytest.raises(ValueError, match="report of calls"):
            aliyun_voice.pressed(bad)


def test_tencent_sms_sends_its_variables_in_order(far, build):
    line = {
        "SerialNo": "5000:1045",
        "PhoneNumber": "+86" + TEL,
        "Fee": 1,
        "Code": "Ok",
        "Message": "send success",
    }
    far.answers = [(200, {"Response": {"SendStatusSet": [line], "RequestId": "a0aabda6"}})]
    assert build(tencent_sms).deliver(notice()).provider_id == "5000:1045"
    path, headers, body = far.asked[0]
    assert path == "/"
    assert headers["x-tc-action"] == "SendSms"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert (
        "/2026-07-18/sms/tc3_request, SignedHeaders=content-type;host;x-tc-action" in headers["authorization"]
    )
    assert json.loads(body) == {
        "PhoneNumberSet": ["+86" + TEL],
        "SmsSdkAppId": "1400006666",
        "SignName": "青山村",
        "TemplateId": "SMS_1",
        "TemplateParamSet": ["村口", "3"],
        "SessionContext": "n-1",
    }


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        ({"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "no"}}, Broken),
        ({"Error": {"Code": "AuthFailure.SignatureExpire", "Message": "late"}}, Retry),
        ({"SendStatusSet": [{"Code": "LimitExceeded.PhoneNumberThirtySecondLimit", "Message": "x"}]}, Retry),
        (
            {"SendStatusSet": [{"Code": "FailedOperation.PhoneNumberInBlacklist", "Message": "x"}]},
            Undeliverable,
        ),
        (
            {"SendStatusSet": [{"Code": "FailedOperation.InsufficientBalanceInSmsPackage", "Message": "x"}]},
            Broken,
        ),
        ({"SendStatusSet": []}, Retry),
        ("what", Retry),
    ],
)
def test_tencent_is_judged_by_its_body(far, build, response, kind):
    far.answers = [(200, {"Response": response})]
    with pytest.raises(kind) as caught:
        build(tencent_sms).deliver(notice())
    assert type(caught.value) is kind


def test_tencents_receipt_is_found_by_our_id(far, build):
    far.answers = [None]
    channel = build(tencent_sms)
    with pytest.raises(Uncertain):
        channel.deliver(notice())
    other = {"SerialNo": "1", "SessionContext": "x", "ReportStatus": "FAIL", "Description": "UNDELIV"}
    ours = {"SerialNo": "2", "SessionContext": "n-1", "ReportStatus": "SUCCESS", "Description": "DELIVRD"}
    far.answers = [(200, {"Response": {"PullSmsSendStatusSet": [other, ours]}})]
    found = channel.deliver(notice())
    assert (found.provider_id, found.state) == ("2", "delivered")


def test_tencent_places_a_call(far, build):
    far.answers = [
        (200, {"Response": {"SendStatus": {"CallId": "call-9", "SessionContext": "n-1"}, "RequestId": "r"}})
    ]
    assert build(tencent_voice).deliver(notice()).provider_id == "call-9"
    sent = json.loads(far.asked[0][2])
    assert (sent["CalledNumber"], sent["TemplateParamSet"], sent["PlayTimes"]) == (
        "+86" + TEL,
        ["村口", "3"],
        2,
    )


def test_a_call_of_more_than_350_characters_is_refused(build):
    wide = {"code": "1", "variables": {name: {"most": 100} for name in "abcd"}}
    long = notice(**dict.fromkeys("abcd", "水" * 99))
    assert "at most 350" in build(tencent_voice, {"default": wide}).unfit(long)


def test_a_tencent_call_without_a_number_is_no_success(far, build):
    far.answers = [(200, {"Response": {"SendStatus": None, "RequestId": "r"}})]
    with pytest.raises(Retry):
        build(tencent_voice).deliver(notice())


def test_closing_ends_the_wait_for_a_receipt(far, build, clock: ManualClock):
    far.answers = [(200, {"Code": "OK", "Message": "OK", "BizId": "1^0"})]
    channel = build(aliyun_sms, receipt_within="10min")
    channel.close()
    assert channel.deliver(notice()).state == "accepted"
    channel.close()
