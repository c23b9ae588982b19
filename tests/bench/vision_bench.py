"""What looking costs beside the bare network, a still scene, and the memory of four cameras. By hand:

VILLAGE_VISION_DATA=DIR python -m tests.bench.vision_bench

Processor time, not the clock's: another load on the machine changes it little. One thread each. Bare and whole take turns
on the same pictures, so that both meet the same machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from detectors.runtime.build import build
from detectors.runtime.camera import Arrival
from detectors.runtime.contracts import Model
from detectors.runtime.decoder import Decoder, Shot, address
from detectors.runtime.eye import Eye
from detectors.runtime.lines import said, sighting_line
from detectors.runtime.network import Yolo, letterbox
from gateway.cameras import CameraEntry, Eyes
from gateway.clock import SystemClock

TICKS = os.sysconf("SC_CLK_TCK")
WATCHED_S = 30.0


def main() -> None:
    """Three tables."""
    folder = Path(os.environ["VILLAGE_VISION_DATA"])
    with tempfile.TemporaryDirectory() as scratch:
        print("what looking costs [ms of processor a picture, median]")
        print(f"{'clip':24} {'network':22} {'bare':>8} {'whole':>8} {'over':>7} {'decoding':>9}")
        for clip, kind, weights, size in (
            ("fire/video/hillside_fire.mp4", "fire", "fire11n.onnx", 320),
            ("fire/video/cctv_cabinet_fire.mp4", "fire", "fire11n.onnx", 320),
            ("traffic/accident/argus_1552.mp4", "hit_and_run", "yolo11n-coco-deq.onnx", 640),
            ("traffic/accident/argus_1554.mp4", "hit_and_run", "yolo11n-coco-deq.onnx", 640),
        ):
            beside(folder / clip, kind, folder / "weights" / weights, size, Path(scratch))
        still(Path(scratch))
        memory(folder, Path(scratch))


def beside(clip: Path, kind: str, weights: Path, size: int, scratch: Path) -> None:
    """The network alone and everything from the picture to the line, in turns on the same pictures."""
    eyes = Eyes.model_validate(
        {
            "models": {"given": {"path": weights, "size": size, "threads": 1}},
            "cameras": {"bench": {"url": str(clip), "detectors": {kind: {"model": "given"}}}},
        }
    )
    entry = eyes.cameras["bench"]
    built = build(eyes, scratch, 0.0)
    fps = 10.0 if kind == "hit_and_run" else 5.0
    shots, decoding_ms = decoded(entry, fps)
    eye = Eye(
        "bench", entry, built.watchers["bench"], {"given": Timed(built.models["given"])}, fps=fps, now_s=0.0
    )
    network = built.models["given"]
    assert isinstance(network, Yolo)
    bare, whole = [], []
    for index, shot in enumerate(shots):
        blob = letterbox(shot.image, *network.size, head="yolov8")[0]
        began = time.process_time()
        network._network.run(blob)
        bare.append(time.process_time() - began)
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=shot.stream_s)
        asked = Timed.count
        began = time.process_time()
        result = eye.look(Arrival(shot, 1, shot.stream_s, at, shot.stream_s))
        for sighting in result.sightings:
            said(sighting_line("bench", sighting, None))
        spent = time.process_time() - began
        if Timed.count > asked and index > 2:  # pictures in which the network was not asked would flatter us
            whole.append(spent)
    one, other = statistics.median(bare[3:]) * 1000, statistics.median(whole) * 1000
    name = f"{weights.stem[:16]} {size}"
    print(
        f"{clip.name:24} {name:22} {one:8.2f} {other:8.2f} {100 * (other / one - 1):6.1f}% {decoding_ms:9.2f}"
    )


class Timed:
    """A model that counts how often it was asked."""

    count = 0

    def __init__(self, model: Model) -> None:
        self._model = model
        self.labels = model.labels

    def look(self, image: Any) -> Any:
        """Ask it."""
        Timed.count += 1
        return self._model.look(image)


def decoded(entry: CameraEntry, fps: float) -> tuple[list[Shot], float]:
    """All pictures of a clip, and what decoding cost ffmpeg [ms of processor a picture that is looked at]."""
    decoder = Decoder(entry, fps, address(entry.url, "", None), SystemClock())
    shots, spent = [], 0.0
    while (shot := decoder.picture(10.0)) is not None:
        shots.append(shot)
        spent = max(spent, processor_s(decoder.pid))
    decoder.close()
    return shots, 1000 * spent / len(shots)


def still(scratch: Path) -> None:
    """A street in which nothing happens: 640 x 360, 25 pictures a second, 5 of them looked at."""
    clip = scratch / "still.mp4"
    scene = "testsrc2=size=640x360:rate=1:duration=1,loop=loop=1500:size=1,setpts=N/25/TB,noise=alls=4:allf=t,format=yuv420p"
    words = [
        "-f",
        "lavfi",
        "-i",
        scene,
        "-r",
        "25",
        "-t",
        "60",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-b:v",
        "500k",
    ]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words, str(clip)], check=True, stdin=subprocess.DEVNULL)
    whole = {"whole": [[0, 0], [1, 0], [1, 1], [0, 1]]}
    camera = {"url": str(clip), "replay": True, "fps": 5, "zones": whole, "watch": {"frozen": "0s"}}
    camera["detectors"] = {"motion": {"zones": ["whole"]}}
    worker, decoder, beat = watched({"models": {}, "cameras": {"still": camera}}, scratch)
    seen = beat["cameras"]["still"]
    print(
        f"\na still scene, 640x360, {seen['fps']:.1f} of 25 pictures a second looked at [share of one core]"
    )
    print(f"worker {worker:.2%}, decoder {decoder:.2%}, together {worker + decoder:.2%}")


def memory(folder: Path, scratch: Path) -> None:
    """Four cameras, fire and vehicles looked for, tracks followed."""
    clips = ("fire/video/hillside_fire.mp4", "fire/video/furg_house6.mp4")
    streets = ("traffic/accident/argus_1554.mp4", "traffic/normal/road_top_view.mp4")
    cameras: dict[str, Any] = {}
    for index, clip in enumerate(clips):
        cameras[f"yard-{index}"] = {"url": str(folder / clip), "replay": True, "detectors": {"fire": {}}}
    for index, clip in enumerate(streets):
        cameras[f"road-{index}"] = {
            "url": str(folder / clip),
            "replay": True,
            "fps": 5,
            "detectors": {"hit_and_run": {"model": "vehicles"}},
        }
    models = {
        "fire": {"path": str(folder / "weights/fire11n.onnx"), "size": 320, "threads": 1},
        "vehicles": {"path": str(folder / "weights/yolo11n-coco-deq.onnx"), "size": 640, "threads": 1},
    }
    _, _, beat = watched({"models": models, "cameras": cameras}, scratch)
    paces = ", ".join(f"{name} {state['fps']:.1f}/s" for name, state in beat["cameras"].items())
    print(
        f"\nmemory of one worker with four cameras: {beat['rss'] / 1e6:.0f} MB (highest {beat['most'] / 1e6:.0f} MB); {paces}"
    )


def watched(eyes: dict[str, Any], scratch: Path) -> tuple[float, float, dict[str, Any]]:
    """Run the worker as the gateway does.

    Returns:
        Processor share of the worker, of its decoders, and its last heartbeat with the highest memory seen.
    """
    plan = json.dumps({"eyes": eyes, "state_dir": str(scratch / "state"), "utc_offset_s": 0}) + "\n"
    argv = [sys.executable, "-m", "detectors", "--plan", "--json"]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(plan)
        child.stdin.flush()
        beat: dict[str, Any] = {}
        began, at_first, most = 0.0, (0.0, 0.0), 0
        for text in child.stdout:
            line = json.loads(text)
            if "beat" not in line:
                continue
            beat, most = line, max(most, line["rss"])
            if not began and all(state["open"] for state in line["cameras"].values()) and line["beat"] > 5:
                began, at_first = time.monotonic(), shares(child.pid)
            if began and time.monotonic() - began >= WATCHED_S:
                break
        span = time.monotonic() - began
        now = shares(child.pid)
        child.stdin.close()
        child.stdout.read()
    return (now[0] - at_first[0]) / span, (now[1] - at_first[1]) / span, beat | {"most": most}


def shares(pid: int) -> tuple[float, float]:
    """Processor seconds of a process, and of its children that live."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return processor_s(pid), sum(processor_s(int(child)) for child in found.split())


def processor_s(pid: int) -> float:
    """User and system time so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    main()
