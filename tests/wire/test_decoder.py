"""ffmpeg, really: pictures, time stamps, secrets, limits, endings."""

from __future__ import annotations

import os
import resource
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from detectors.runtime.decoder import Decoder, address
from gateway.cameras import CameraEntry
from gateway.clock import SystemClock
from gateway.credentials import Secret
from gateway.errors import Lost
from tests.cameras import drawn, ffmpeg, rtsp
from tests.servers import eventually, free_port

pytestmark = pytest.mark.servers


def opened(entry: CameraEntry, fps: float = 5.0, password: str | None = None) -> Decoder:
    secret = Secret(password) if password else None
    return Decoder(entry, fps, address(entry.looks_at, entry.user, secret), SystemClock())


def read_on(decoder: Decoder, timeout_s: float) -> None:
    while decoder.picture(timeout_s) is not None:
        pass


def test_a_file_gives_every_slot_one_picture_with_the_streams_own_time(tmp_path: Path) -> None:
    decoder = opened(CameraEntry(url=str(drawn(tmp_path / "clip.mp4", "testsrc2", 3.0))))
    times = []
    while (shot := decoder.picture(10)) is not None:
        assert shot.image.shape == (180, 320, 3)
        assert shot.image.dtype == np.uint8
        times.append(shot.stream_s)
    decoder.close()
    assert times == pytest.approx([index / 5 for index in range(15)], abs=0.01)


def test_a_picture_keeps_its_shape_within_the_box_and_its_colours(tmp_path: Path) -> None:
    clip = drawn(tmp_path / "red.mp4", "color=red", 0.5, size="400x800")
    decoder = opened(CameraEntry(url=str(clip), size=(200, 200)))
    shot = decoder.picture(10)
    decoder.close()
    assert shot is not None
    assert shot.image.shape == (200, 100, 3)
    blue, green, red = shot.image.reshape(-1, 3).mean(axis=0)
    assert red > 230
    assert max(blue, green) < 25


def test_a_width_that_is_no_multiple_of_four_is_read_in_step(tmp_path: Path) -> None:
    decoder = opened(
        CameraEntry(url=str(drawn(tmp_path / "odd.mp4", "testsrc2", 1.0, size="350x200")), size=(175, 100))
    )
    count = 0
    while (shot := decoder.picture(10)) is not None:
        assert shot.image.shape == (100, 175, 3)
        count += 1
    decoder.close()
    assert count == 5


def test_a_file_that_is_no_film_is_lost_with_ffmpegs_own_words(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(os.urandom(100_000))
    decoder = opened(CameraEntry(url=str(path)))
    with pytest.raises(Lost) as lost:
        decoder.picture(10)
    decoder.close()
    assert "Invalid data" in str(lost.value)


def test_the_child_is_limited_and_stands_back(tmp_path: Path) -> None:
    entry = CameraEntry.model_validate(
        {"url": str(drawn(tmp_path / "clip.mp4", "testsrc2", 5.0)), "limits": {"memory": "900 MB", "nice": 7}}
    )
    decoder = opened(entry)
    try:
        assert resource.prlimit(decoder.pid, resource.RLIMIT_AS) == (900_000_000, 900_000_000)
        assert os.getpriority(os.PRIO_PROCESS, decoder.pid) == 7
    finally:
        decoder.close()


def test_a_decoder_without_memory_is_lost_and_not_the_worker(tmp_path: Path) -> None:
    clip = drawn(tmp_path / "large.mp4", "testsrc2", 1.0, size="3840x2160", fps=5)
    entry = CameraEntry.model_validate(
        {"url": str(clip), "size": (3840, 2160), "limits": {"memory": "100 MB"}}
    )
    decoder = opened(entry)
    with pytest.raises(Lost):
        read_on(decoder, 10)
    decoder.close()


def test_a_password_is_in_no_argument_and_no_environment_and_opens_the_camera() -> None:
    with rtsp(free_port(), "--user", "viewer:ge heim/@:x") as camera:
        decoder = opened(CameraEntry(url=camera.url, user="viewer"), password="ge heim/@:x")
        try:
            assert decoder.picture(15) is not None
            for file in ("cmdline", "environ"):
                shown = Path(f"/proc/{decoder.pid}/{file}").read_bytes()
                assert b"heim" not in shown
                assert b"viewer" not in shown
        finally:
            decoder.close()


def test_a_wrong_password_is_said_to_be_one_and_is_not_shown() -> None:
    with rtsp(free_port(), "--user", "viewer:geheim") as camera:
        decoder = opened(CameraEntry(url=camera.url, user="viewer"), password="falsch-wort")
        with pytest.raises(Lost) as lost:
            decoder.picture(15)
        decoder.close()
    assert "401" in str(lost.value)
    assert "falsch" not in str(lost.value)


def test_a_camera_that_falls_silent_is_lost_in_time() -> None:
    clock = SystemClock()
    with rtsp(free_port()) as camera:
        decoder = opened(CameraEntry(url=camera.url))
        assert decoder.picture(15) is not None
        camera.mute()
        began = clock.monotonic()
        with pytest.raises(Lost, match="no picture"):
            read_on(decoder, 2.0)
        assert clock.monotonic() - began < 5
        decoder.close()


@pytest.fixture
def chatter() -> Iterator[tuple[int, list[bytes]]]:
    """Somebody who accepts connections and answers with noise (or with what is in the list)."""
    answers: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)

        def talk() -> None:
            try:
                guest, _ = server.accept()
                with guest:
                    guest.settimeout(2)
                    for _ in range(200):
                        guest.sendall(answers[0] if answers else os.urandom(4096))
            except OSError:
                return

        threading.Thread(target=talk, daemon=True).start()
        yield server.getsockname()[1], answers


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_noise_instead_of_a_camera_is_lost(chatter: tuple[int, list[bytes]], scheme: str) -> None:
    decoder = opened(CameraEntry(url=f"{scheme}://127.0.0.1:{chatter[0]}/sub"))
    with pytest.raises(Lost):
        decoder.picture(8)
    decoder.close()


def test_nobody_there_is_lost_at_once() -> None:
    decoder = opened(CameraEntry(url=f"rtsp://127.0.0.1:{free_port()}/sub"))
    with pytest.raises(Lost, match="refused"):
        decoder.picture(8)
    decoder.close()


def test_closing_leaves_no_child(tmp_path: Path) -> None:
    ffmpeg()
    decoder = opened(CameraEntry(url=str(drawn(tmp_path / "clip.mp4", "testsrc2", 20.0)), replay=True))
    assert decoder.picture(10) is not None
    pid = decoder.pid
    decoder.close()
    decoder.close()
    eventually(lambda: not Path(f"/proc/{pid}").exists(), 2)
