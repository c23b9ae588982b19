"""A radiometric camera from the wire to the alarm: stills over HTTP, 16-bit video through ffmpeg, turning over ONVIF."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.__main__ import _built, assemble
from detectors.runtime.archive import _only_stills
from detectors.runtime.build import build
from detectors.runtime.plan import Plan
from detectors.runtime.stills import Settings, Stills, open_thermal, rendered
from detectors.runtime.talk import listen
from gateway.cameras import CameraEntry, Eyes
from gateway.catalogue import Catalogue
from gateway.clock import SystemClock
from gateway.credentials import Secret
from gateway.errors import Lost, SettingsError
from gateway.quantities import Quantities
from tests import onvif
from tests.camera import PASSWORD, USER, FakeCamera
from tests.flir import radiometric
from tests.onvif import FakeOnvif, fake_onvif
from tests.servers import eventually, free_port, tool
from tests.wire.test_watching import watching

COLD = np.full((60, 80), 20.0, np.float32)
HOT = COLD.copy()
HOT[20:24, 50:54] = 180.0
CLOCK = SystemClock()


@contextlib.contextmanager
def served(camera: FakeCamera) -> Iterator[FakeCamera]:
    """A camera with a loop of its own, for readers that block."""
    loop = asyncio.new_event_loop()
    ready, done = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with camera:
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield camera
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def still(data: bytes, **facts: Any) -> FakeCamera:
    return FakeCamera(content_type="image/jpeg", steps=[data], ends=True, **facts)


def test_a_radiometric_still_is_fetched_with_digest_again_and_again() -> None:
    with served(still(radiometric(HOT))) as camera:
        stills = Stills(f"{camera.url}/snap.jpg?x=1", USER, Secret(PASSWORD), Settings(period="40ms"), CLOCK)
        shots = [stills.picture(5) for _ in range(3)]
        stills.kill()
        assert stills.picture(5) is None
    for shot in shots:
        assert shot is not None
        assert shot.celsius is not None
        np.testing.assert_allclose(shot.celsius, HOT, atol=0.5)
        assert shot.image.shape == (60, 80, 3)
    times = [shot.stream_s for shot in shots if shot is not None]
    assert times[0] == 0
    assert times[2] >= 0.08, "no faster than the period"
    assert set(camera.requests) == {"/snap.jpg?x=1"}
    assert camera.right == 3


@pytest.mark.parametrize(
    ("camera", "password", "words"),
    [
        (still(b"\xff\xd8\xff\xd9"), PASSWORD, "radiometric JPEG cannot be read"),
        (still(radiometric(HOT)), "wrong", "HTTP 401"),
        (still(b"", status=404), PASSWORD, "HTTP 404"),
    ],
)
def test_what_is_no_still_is_a_lost_camera(camera: FakeCamera, password: str, words: str) -> None:
    with served(camera):
        stills = Stills(camera.url, USER, Secret(password), Settings(), CLOCK)
        with pytest.raises(Lost, match=words):
            stills.picture(5)
        stills.close()


def test_a_camera_that_is_not_there_is_lost() -> None:
    stills = Stills(f"http://127.0.0.1:{free_port()}/x", "", None, Settings(), CLOCK)
    with pytest.raises(Lost):
        stills.picture(5)


def test_bare_rows_and_what_must_be_said_of_them() -> None:
    counts = np.round((HOT + 273.15) * 100).astype("<u2").tobytes()
    settings = Settings(form="rows", width=80, height=60)
    np.testing.assert_allclose(settings.celsius(counts), HOT, atol=0.01)
    with pytest.raises(ValueError, match="write width: and height:"):
        Settings(form="rows")


def test_a_scene_of_one_temperature_is_not_shown_as_noise() -> None:
    calm = COLD + np.random.default_rng(1).normal(0, 0.05, COLD.shape).astype(np.float32)
    assert rendered(calm).std() < 5
    assert rendered(HOT).max() > 200


def test_sixteen_bit_video_comes_through_ffmpeg_to_the_count(tmp_path: Path) -> None:
    tool("ffmpeg")
    counts = np.round((HOT + 273.15) * 100).astype("<u2")
    pictures = [np.roll(counts, index, axis=1) for index in range(5)]
    file = tmp_path / "heat.mkv"
    words = [
        "ffmpeg",
        "-loglevel",
        "error",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "gray16le",
        "-s",
        "80x60",
        "-r",
        "5",
        "-i",
        "-",
        "-c:v",
        "ffv1",
        "-y",
    ]
    subprocess.run([*words, str(file)], input=b"".join(one.tobytes() for one in pictures), check=True)
    entry = CameraEntry.model_validate({"url": str(file)})
    video = open_thermal(entry, Settings(form="video"), 5.0, CLOCK)
    try:
        for index, wanted in enumerate(pictures):
            shot = video.picture(10)
            assert shot is not None
            assert shot.celsius is not None
            np.testing.assert_allclose(shot.celsius, wanted * 0.01 - 273.15, atol=0.001)
            assert shot.stream_s == pytest.approx(index / 5, abs=0.01)
        assert video.picture(10) is None
    finally:
        video.close()


# -- the whole way -------------------------------------------------------------------------------------------------------------


def secret(folder: Path, name: str, text: str) -> str:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return str(file)


@contextlib.contextmanager
def working(plan: Plan) -> Iterator[tuple[list[dict[str, Any]], Any]]:
    """The worker, in a thread; the lines it says, and itself."""
    lines: list[dict[str, Any]] = []
    assert plan.state_dir is not None
    built = _built(plan, plan.state_dir)
    assert built.faults == []
    worker = assemble(plan, built, lines.append)
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield lines, worker
    finally:
        stop.set()
        thread.join(15)
    assert not thread.is_alive()


def test_a_hot_spot_goes_from_the_still_to_a_line_with_the_place_it_was_seen_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detectors.runtime.ptz.POLL_S", 0.05)
    camera = still(radiometric(HOT))
    with served(camera), fake_onvif(FakeOnvif(now=CLOCK.now())) as device:
        entry = {
            "url": f"{camera.url}/snap.jpg",
            "user": USER,
            "password_file": secret(tmp_path, "camera", PASSWORD),
            "thermal": {"period": "100ms"},
            "ptz": {
                "url": device.url, "username": onvif.USER, "password_file": secret(tmp_path, "turner", onvif.PASSWORD),
                "presets": {"hillside": "slope {north}"}, "settle": "0s",
            },
            "zones": {"wood": {"polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]], "preset": "hillside"}},
            "detectors": {"thermal": {"zones": ["wood"]}},
        }  # fmt: skip
        eyes = Eyes.model_validate({"cameras": {"hill": entry}})
        with working(Plan(eyes, tmp_path / "state", 0.0)) as (lines, worker):

            def confirmed() -> dict[str, Any] | None:
                told = [one for one in lines if one.get("state") == "confirmed" and one["why"].get("preset")]
                return told[0] if told else None

            eventually(lambda: confirmed() is not None)
            line = confirmed()
            assert line is not None
            assert line["evidence"], "a picture is on the disk"
            assert (line["camera"], line["kind"], line["zone"]) == ("hill", "thermal", "wood")
            assert line["why"]["celsius"] == pytest.approx(180, abs=1)
            assert (line["why"]["pan"], line["why"]["tilt"], line["why"]["zoom"]) == (-0.2, 0.1, 0.3)
            eventually(
                lambda: any(one.get("cameras", {}).get("hill", {}).get("ptz") == "ok" for one in lines)
            )
            look = '{"look": {"camera": "hill", "pan": 0.5, "tilt": 0.25, "seconds": 5}}\nrubbish\n{"look": {"camera": "hill", "place": "nowhere"}}\n'
            listen(iter(look.splitlines()), worker, threading.Event())  # type: ignore[arg-type]
            eventually(lambda: device.position == [0.5, 0.25, 0.0])
    assert (tmp_path / "state" / "hill" / "thermal" / "memory.json").exists()


async def test_the_gateway_hears_of_heat_sends_the_camera_somewhere_and_is_told_when_it_cannot_be_turned(
    tmp_path: Path, quantities: Quantities, catalogue: Catalogue
) -> None:
    with (
        served(still(radiometric(HOT))) as camera,
        fake_onvif(FakeOnvif(now=CLOCK.now(), step=2.0)) as device,
    ):
        entry = {
            "url": f"{camera.url}/snap.jpg",
            "user": USER,
            "password_file": secret(tmp_path, "camera", PASSWORD),
            "thermal": {},
            "ptz": {
                "url": device.url,
                "username": onvif.USER,
                "password_file": secret(tmp_path, "turner", onvif.PASSWORD),
                "patrol": False,
            },
            "detectors": {"thermal": {}},
        }
        async with watching({"hill": entry}, tmp_path, quantities, catalogue) as found:
            await found.until(lambda: "thermal" in found.kinds("hill"), 30)
            event = next(one for one in found.events if one.kind == "thermal")
            assert event.detail["celsius"] == pytest.approx(180, abs=1)
            assert event.confidence >= 0.9
            assert event.evidence
            found.drivers[-1].look("hill", "school", 5)
            await found.until(lambda: device.position == [0.6, -0.1, 0.0], 15)
            device.say["GetStatus"] = (503, b"")
            await found.until(lambda: "cannot be turned" in found.health.notes.get("hill ptz", ""), 15)


def test_a_camera_that_is_asked_for_stills_has_no_stream_to_record() -> None:
    stills = CameraEntry.model_validate({"url": "http://127.0.0.1/x.jpg", "thermal": {}})
    video = CameraEntry.model_validate({"url": "rtsp://127.0.0.1/x", "thermal": {"form": "video"}})
    assert _only_stills(stills)
    assert not _only_stills(video)
    assert not _only_stills(CameraEntry(url="rtsp://127.0.0.1/x"))


def test_mistakes_in_the_site_are_named_with_their_key(tmp_path: Path) -> None:
    entry = {"url": "http://127.0.0.1/x", "thermal": {"form": "rows"}, "ptz": {"url": "ftp://x"}}
    built = build(Eyes.model_validate({"cameras": {"hill": entry}}), tmp_path, 0.0)
    assert [fault.key for fault in built.faults] == ["cameras.hill.thermal", "cameras.hill.ptz.url"]
    entry = {"url": "http://127.0.0.1/x", "ptz": {"url": "http://x"}}
    built = build(Eyes.model_validate({"cameras": {"hill": entry}}), tmp_path, 0.0)
    assert "nobody may turn it" in str(SettingsError(*built.faults))
