"""An endless answer is cut into the same parts wherever the network cuts it, and a device's XML is never believed."""

from __future__ import annotations

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera.parts import LARGEST_PICTURE, LARGEST_TEXT, Part, Parts, boundary_of
from drivers.dahua import alarm_in as dahua_alarm
from drivers.isapi import alarm_in as isapi_alarm_in
from gateway.errors import BadReply
from gateway.web.plainxml import read
from tests.camera import HEARTBEAT, PICTURE, dahua_part, isapi_alarm, isapi_part

STREAM = b"".join(
    [
        isapi_part(HEARTBEAT),
        isapi_part(isapi_alarm()),
        PICTURE,
        PICTURE,
        isapi_part(isapi_alarm("TMA"), early_line=True),
        isapi_part(HEARTBEAT),
    ]
)
CLOSING = b"</EventNotificationAlert>"


def cut(data: bytes, *places: int, boundary: bytes = b"--boundary", closing: bytes = CLOSING) -> list[Part]:
    parts = Parts(boundary, closing)
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [part for start, end in pairwise(edges) for part in parts.feed(data[start:end])]


WHOLE = cut(STREAM)


def test_the_parts_are_the_messages_and_the_pictures_without_their_content() -> None:
    assert [part.kind for part in WHOLE] == [
        "application/xml", "application/xml", "image/pjpeg", "image/pjpeg", "application/xml", "application/xml"
    ]  # fmt: skip
    assert [isapi_alarm_in(part.body).name for part in WHOLE if part.body] == [
        "videoloss", "fireDetection", "TMA", "videoloss"
    ]  # fmt: skip
    assert [part.size for part in WHOLE if not part.body] == [600, 600]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_wherever_the_network_cuts_the_parts_are_the_same(places: list[int]) -> None:
    assert cut(STREAM, *places) == WHOLE


def test_byte_by_byte_too() -> None:
    assert cut(STREAM, *range(len(STREAM))) == WHOLE


@pytest.mark.parametrize("off", [-200, -1, 1, 7, 5000, 90_000_000])
def test_a_wrong_length_spoils_neither_this_part_nor_the_next(off: int) -> None:
    body = isapi_alarm()
    data = isapi_part(body, length=len(body.encode()) + off) + isapi_part(HEARTBEAT) + isapi_part(HEARTBEAT)
    assert [isapi_alarm_in(part.body).name for part in cut(data)] == [
        "fireDetection",
        "videoloss",
        "videoloss",
    ]


def test_an_alarm_is_told_before_the_next_boundary_comes() -> None:
    assert [isapi_alarm_in(part.body).name for part in cut(isapi_part(isapi_alarm(), length=99999))] == [
        "fireDetection"
    ]
    part = dahua_part("Code=FireWarning;action=Start;index=1").removesuffix(b"\r\n\r\n")
    assert [one.body for one in cut(part, boundary=b"--myboundary", closing=b"")] == [
        b"Code=FireWarning;action=Start;index=1"
    ]


def test_line_ends_of_one_sign_and_a_boundary_told_with_its_dashes() -> None:
    data = isapi_part(isapi_alarm()).replace(b"\r\n", b"\n")
    assert boundary_of('multipart/mixed; boundary="--boundary"') == b"--boundary"
    assert len(cut(data + b"--boundary--\n" + data)) == 2


@pytest.mark.parametrize("kind", ["text/html", "", "multipart/mixed", "application/json; boundary=x"])
def test_what_is_no_stream_is_said(kind: str) -> None:
    with pytest.raises(BadReply, match="instead of a stream"):
        boundary_of(kind)


def test_what_never_ends_is_refused() -> None:
    endless = b"--boundary\r\nContent-Type: text/plain\r\n\r\n" + b"x" * (LARGEST_TEXT + 1)
    with pytest.raises(BadReply, match="larger"):
        cut(endless, closing=b"")
    with pytest.raises(BadReply, match="headers"):
        cut(b"--boundary\r\n" + b"a: b\r\n" * 5000)
    with pytest.raises(BadReply, match="larger"):
        cut(b"--boundary\r\nContent-Type: image/jpeg\r\n\r\n" + b"x" * (LARGEST_PICTURE + 1), closing=b"")
    parts = Parts(b"--boundary")
    for _ in range(100):
        assert list(parts.feed(b"noise without a boundary" * 1000)) == []
    assert len(parts._held) < 100


@given(st.binary(max_size=400))
def test_noise_is_parts_or_refused_and_nothing_else(noise: bytes) -> None:
    with contextlib.suppress(BadReply):
        for part in cut(b"--boundary\r\n\r\n" + noise + b"--boundary\r\n" + noise, 7, 30):
            with contextlib.suppress(BadReply):
                isapi_alarm_in(part.body)


# -- XML ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "evil",
    [
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1/x">]><a>&x;</a>',
        b"<a>" * 50 + b"</a>" * 50,
        b"<a>" + b"<b/>" * 6000 + b"</a>",
        b"<a>" + b"x" * 300_000 + b"</a>",
        b"<a>&b;</a>",
        b"<a><b></a>",
        b"",
        b"\xff\xfe",
    ],
)
def test_xml_that_could_do_harm_is_not_read(evil: bytes) -> None:
    with pytest.raises(BadReply):
        read(evil)


def test_names_are_told_without_their_namespace() -> None:
    root = read(b'<h:a xmlns:h="http://x"><h:b> 7.5 </h:b><c>x</c></h:a>')
    assert (root.name, root.number("b"), root.number("c"), root.said("d", "none")) == ("a", 7.5, None, "none")


# -- what the messages mean ------------------------------------------------------------------------------------------------


def test_a_fire_point_with_its_temperature() -> None:
    alarm = isapi_alarm_in(
        isapi_alarm(
            celsius=68,
            extra="<DetectionRegionEntry><regionID>4</regionID><fireMaxTemperature>101</fireMaxTemperature></DetectionRegionEntry>",
        ).encode()
    )
    assert (alarm.name, alarm.channel, alarm.region, alarm.active) == ("fireDetection", "2", "1", True)
    assert alarm.detail["celsius"] == 101
    assert alarm.detail["regions"] == 2
    assert alarm.detail["channelName"] == "北山"


def test_fahrenheit_and_what_is_no_number() -> None:
    hot = "<currTemperature>302</currTemperature><temperatureUnit>fahrenheit</temperatureUnit><currTemperature>?</currTemperature>"
    assert isapi_alarm_in(isapi_alarm("TMA", celsius=None, extra=hot).encode()).detail["celsius"] == 150.0


@pytest.mark.parametrize(
    "body",
    ["<EventNotificationAlert/>", "<ResponseStatus><eventType>x</eventType></ResponseStatus>", "hello"],
)
def test_what_is_no_alarm_of_isapi(body: str) -> None:
    with pytest.raises(BadReply):
        isapi_alarm_in(body.encode())


def test_dahua_says_code_action_and_index() -> None:
    alarm = dahua_alarm(
        'Code=HeatImagingTemper;action=Start;index=1;data={\n "Name": "stack",\n "Temperature" : 163.5,\n "Regions": [{"MaxTemper": 170.2}]\n}\n'
    )
    assert (alarm.name, alarm.channel, alarm.active, alarm.region) == (
        "HeatImagingTemper",
        "1",
        True,
        "stack",
    )
    assert alarm.detail == {"celsius": 170.2}
    assert dahua_alarm("Code=FireWarning;action=Pulse;index=0").active
    assert not dahua_alarm("Code=FireWarning;action=Stop;index=0").active
    assert dahua_alarm("Code=FireWarning; action=Start; index=0; data={broken").active, (
        "an alarm all the same"
    )


@pytest.mark.parametrize(
    "text", ["", "OK", "Error: 400", "Code=;action=Start;index=0", "Code=A;action=Start;index=x"]
)
def test_what_is_no_alarm_of_dahua(text: str) -> None:
    with pytest.raises(BadReply):
        dahua_alarm(text)
