"""Turning a camera over ONVIF, with a device made for the test."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from detectors.runtime.onvif import NotAuthorized, Onvif, Position, Preset, Report
from detectors.runtime.ptz import Ptz, Settings, of
from detectors.runtime.tour import Pace, Tour
from gateway.cameras import CameraEntry
from gateway.clock import ManualClock
from gateway.credentials import Secret
from gateway.errors import BadReply, Lost, SettingsError
from tests.conftest import NOON
from tests.onvif import PASSWORD, USER, FakeOnvif, fake_onvif, fault
from tests.servers import eventually, free_port


def camera(device: FakeOnvif, password: str = PASSWORD) -> Onvif:
    return Onvif(device.url, USER, Secret(password), ManualClock(NOON), timeout_s=3)


def test_everything_that_turns_and_tells() -> None:
    with fake_onvif(FakeOnvif()) as device:
        eye = camera(device)
        eye.open()
        profile = eye.profile()
        assert profile == "main&1", "the first that can be turned"
        assert eye.profile("fixed") == "still"
        assert [(one.token, one.name) for one in eye.presets(profile)] == [
            ("1", "gate"),
            ("2", "slope {north}"),
            ("3", "school"),
        ]
        assert eye.presets(profile)[1].position == Position(-0.2, 0.1, 0.3)
        eye.go_to(profile, "3")
        assert eye.status(profile).moving is True
        assert eye.status(profile).moving is False
        assert eye.status(profile).position == Position(0.6, -0.1, 0.0)
        eye.move_to(profile, Position(-0.5, 0.25, 0.1))
        eye.status(profile), eye.status(profile), eye.status(profile)
        assert eye.status(profile).position == Position(-0.5, 0.25, 0.1)
        eye.move(profile, Position(0.5, 0, 0), 2.0)
        assert eye.status(profile).moving is True
        eye.stop(profile)
        assert eye.status(profile).moving is False
        assert eye.stream(profile) == "rtsp://192.168.1.64/Streaming/101"
        eye.close()
    assert PASSWORD.encode() not in b"".join(device.bodies)


def test_a_camera_whose_clock_is_years_off_is_proved_in_its_own_time() -> None:
    with fake_onvif(FakeOnvif(skew=timedelta(days=-2000, seconds=17))) as device:
        eye = camera(device)
        eye.open()
        device.skew = timedelta(hours=5)  # somebody has set it meanwhile
        assert eye.profile() == "main&1"
        assert device.asked.count("GetSystemDateAndTime") == 2
        eye.close()


def test_a_wrong_password_is_said_and_not_tried_twice() -> None:
    with fake_onvif(FakeOnvif()) as device:
        eye = camera(device, "wrong")
        with pytest.raises(NotAuthorized, match="refuses the user or the password"):
            eye.open()
        assert device.asked == ["GetSystemDateAndTime", "GetServices", "GetSystemDateAndTime"]
        eye.close()


def test_a_camera_that_wants_http_digest_beside_it_gets_that() -> None:
    with fake_onvif(FakeOnvif(http_digest=True)) as device:
        eye = camera(device)
        eye.open()
        assert eye.profile() == "main&1"
        eye.close()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, fault("s:Receiver", "ter:ActionNotSupported", "not here"), "ActionNotSupported not here"),
        (200, b"<html>login</html>", "without a word of ONVIF"),
        (404, b"", "HTTP 404"),
        (200, b"<a", "cannot be read"),
        (200, b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (200, b"x" * 600_000, "XML of"),
    ],
)
def test_what_is_no_answer_is_said(status: int, body: bytes, words: str) -> None:
    with fake_onvif(FakeOnvif(say={"GetProfiles": (status, body)})) as device:
        eye = camera(device)
        eye.open()
        with pytest.raises(BadReply, match=words):
            eye.profile()
        eye.close()


def test_a_camera_that_cannot_be_turned_and_one_that_is_not_there() -> None:
    with fake_onvif(
        FakeOnvif(say={"GetServices": (200, b"<s:Envelope xmlns:s='x'><s:Body/></s:Envelope>")})
    ) as device:
        eye = camera(device)
        with pytest.raises(BadReply, match="no service to turn it"):
            eye.open()
        eye.close()
    eye = Onvif(f"http://127.0.0.1:{free_port()}", USER, Secret("x"), ManualClock(NOON))
    with pytest.raises(Lost):
        eye.open()


# -- the round, over the wire --------------------------------------------------------------------------------------------------


class Hurried(ManualClock):
    """Its monotonic clock runs with the questions that are asked: one second each."""

    def monotonic(self) -> float:
        self._monotonic += 0.5
        return self._monotonic


def moving(tmp_path: Path, device: FakeOnvif, **settings: object) -> Ptz:
    file = tmp_path / "password"
    file.write_text(PASSWORD, encoding="utf-8")
    file.chmod(0o600)
    entry = CameraEntry.model_validate(
        {"url": "rtsp://127.0.0.1/x", "user": USER, "password_file": str(file)}
    )
    keys = {"url": device.url, "dwell": "4s", "settle": "0s", **settings}
    return of("hill", entry, Settings.model_validate(keys), Hurried(NOON))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.runtime.ptz.POLL_S", 0.005)
    monkeypatch.setattr("detectors.runtime.ptz.FIRST_PAUSE_S", 0.01)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", ["", "silent", "lying"])
def test_the_round_is_made_and_every_place_is_named(tmp_path: Path, kind: str) -> None:
    with fake_onvif(FakeOnvif(silent=kind == "silent", lying=kind == "lying")) as device:
        ptz = moving(tmp_path, device)
        places: list[str] = []

        def seen_all() -> bool:
            place, turning = ptz.look()
            if place:
                assert not turning
                if kind != "silent":
                    assert ptz.position()["preset"] == ptz.look()[0] or ptz.look()[0] != place
                if places[-1:] != [place]:
                    places.append(place)
            return len(places) >= 7

        ptz.start()
        try:
            eventually(seen_all)
        finally:
            ptz.stop()
    assert places[:7] == ["gate", "slope {north}", "school"] * 2 + ["gate"]
    assert ptz.reason == ""


@pytest.mark.usefixtures("quick")
def test_a_chosen_round_skips_what_cannot_be_reached(tmp_path: Path) -> None:
    with fake_onvif(FakeOnvif(refuse={"2"})) as device:
        ptz = moving(tmp_path, device, presets=["school", "2", "gate"])
        seen: set[str] = set()
        ptz.start()
        try:
            eventually(lambda: seen.add(ptz.look()[0]) or {"school", "gate"} <= seen)
        finally:
            ptz.stop()
    assert "slope {north}" not in seen


@pytest.mark.usefixtures("quick")
def test_a_place_on_request_by_name_and_by_numbers(tmp_path: Path) -> None:
    with fake_onvif(FakeOnvif()) as device:
        ptz = moving(tmp_path, device, patrol=False)
        with pytest.raises(BadReply, match="cannot be turned"):
            ptz.look_at("gate")
        ptz.start()
        try:
            eventually(lambda: ptz.reason == "")
            with pytest.raises(BadReply, match="no preset 'gaet'"):
                ptz.look_at("gaet")
            ptz.look_at("gate", 2.0)
            eventually(lambda: ptz.look() == ("gate", False))
            ptz.look_at(Position(0.3, 0.2, 0.5), 2.0)
            eventually(lambda: device.position == [0.3, 0.2, 0.5])
            eventually(lambda: ptz.position().get("pan") == 0.3)
        finally:
            ptz.stop()


def test_what_is_seen_in_passing_is_looked_at_next(tmp_path: Path) -> None:
    ptz = moving(tmp_path, FakeOnvif(url="http://127.0.0.1:1"))
    ptz.stay()  # nobody knows the camera yet: nothing happens
    tour = ptz._tour = Tour([Preset("1", "gate", Position(-0.9, 0))], Pace(), 0.0)
    tour.step(0.5, Report(Position(0.9, 0), moving=False))
    assert tour.turning
    ptz._report = Report(Position(0.2, 0.1, 0.3), moving=True)
    ptz.stay(20)
    ptz.stay(20)
    sent = [tour.step(20 + second, Report(Position(-0.9, 0), moving=False)) for second in range(8)]
    (visit,) = [one for one in sent if one is not None]
    assert visit.position == Position(0.2, 0.1, 0.3)


@pytest.mark.usefixtures("quick")
def test_a_camera_that_drops_out_is_asked_again_and_meanwhile_nobody_knows_where_it_looks(
    tmp_path: Path,
) -> None:
    with fake_onvif(FakeOnvif()) as device:
        ptz = moving(tmp_path, device)
        ptz.start()
        try:
            eventually(lambda: ptz.look()[0] != "")
            device.say["GetStatus"] = (503, b"")
            eventually(lambda: "HTTP 503" in ptz.reason)
            assert ptz.look() == ("", False)
            assert ptz.position() == {}
            del device.say["GetStatus"]
            eventually(lambda: ptz.look()[0] != "")
            assert ptz.reason == ""
        finally:
            ptz.stop()


@pytest.mark.usefixtures("quick")
def test_a_round_of_places_that_do_not_exist_says_which_do(tmp_path: Path) -> None:
    with fake_onvif(FakeOnvif()) as device:
        ptz = moving(tmp_path, device, presets=["gate", "tower"])
        ptz.start()
        try:
            eventually(lambda: "no preset tower; there are: 1, 2, 3, gate" in ptz.reason)
        finally:
            ptz.stop()


def test_nobody_may_turn_it_without_an_account(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nobody may turn it"):
        of("hill", CameraEntry(url="rtsp://x/y"), Settings(url="http://x"), ManualClock(NOON))
