"""The worker as a program: look at cameras or files, and say what is seen, one line each.

By hand: ``python -m detectors FILE|URL ... --kind fire --model fire.onnx --json``, or ``python -m detectors SITE``. The
gateway starts it with ``--plan`` and writes what it must know to its standard input (see ``drivers/vision.py``).
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from detectors.runtime.build import Built, build, names, pace
from detectors.runtime.camera import Arrival, Camera
from detectors.runtime.eye import Eye
from detectors.runtime.lines import in_words, said
from detectors.runtime.slots import Slots
from detectors.runtime.worker import Worker
from gateway import files
from gateway.cameras import Eyes
from gateway.clock import SystemClock
from gateway.errors import Fault, SettingsError
from gateway.settings import SiteSettings, Village, own_keys

EX_CONFIG = 78
DRIVER = "vision"
SITE_FILE = "village.yaml"

_log = logging.getLogger("detectors")


@dataclass(frozen=True)
class Plan:
    """What one run of the worker is about.

    Attributes:
        eyes: Cameras and models.
        state_dir: Where detectors keep what they learn; ``None``: nothing is kept.
        utc_offset_s: The site's zone [s east of Greenwich].
    """

    eyes: Eyes
    state_dir: Path | None
    utc_offset_s: float

    @property
    def folder(self) -> Path:
        """The folder itself; ``_run`` has seen to it."""
        assert self.state_dir is not None
        return self.state_dir


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns the exit code."""
    args = _arguments().parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    try:
        plan = _plan(args)
        return _run(plan, args)
    except SettingsError as error:
        for fault in error.faults:
            _fault(fault, as_json=args.json)
        return EX_CONFIG
    except BrokenPipeError:  # the reader has gone
        return 128 + signal.SIGPIPE


def _run(plan: Plan, args: argparse.Namespace) -> int:
    if plan.state_dir is not None:
        return check(plan) if args.check else look(plan, args)
    with tempfile.TemporaryDirectory(prefix="village-eyes-") as folder:  # by hand: nothing is kept
        plan = replace(plan, state_dir=Path(folder))
        return check(plan) if args.check else look(plan, args)


def look(plan: Plan, args: argparse.Namespace) -> int:
    """Build everything and look until the end."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    built = build(plan.eyes, plan.folder, plan.utc_offset_s)
    if not args.plan and built.faults:
        raise SettingsError(*built.faults)  # a person is there to mend it
    mouth = Mouth(as_json=args.json)
    worker = assemble(plan, built, mouth)
    if args.plan:
        threading.Thread(target=_listen, args=(worker, stop), name="ears", daemon=True).start()
    worker.run(stop)
    return 1 if mouth.faults else 0


def assemble(plan: Plan, built: Built, say: Any) -> Worker:
    """Cameras, eyes and the worker between them."""
    clock = SystemClock()
    slots: Slots[Arrival] = Slots(plan.eyes.cameras)
    cameras, eyes = {}, {}
    for slug, entry in plan.eyes.cameras.items():
        watchers = built.watchers[slug]
        fps = pace(entry, watchers)
        now_s = clock.monotonic() if entry.live else 0.0
        eyes[slug] = Eye(slug, entry, watchers, built.models, fps=fps, now_s=now_s)
        cameras[slug] = Camera(slug, entry, fps=fps, slots=slots, clock=clock)
    models = {name: built.unread.get(name, "ok") for name in plan.eyes.models}
    return Worker(eyes, cameras, slots, clock=clock, say=say, missing=built.missing, models=models)


def check(plan: Plan) -> int:
    """Say every fault, look at nothing; models are read, files and cameras are not."""
    built = build(plan.eyes, plan.folder, plan.utc_offset_s)
    if built.faults:
        raise SettingsError(*built.faults)
    return 0


class Mouth:
    """Says lines on standard output, for a program or for a person."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.faults = 0

    def __call__(self, line: Mapping[str, Any]) -> None:
        """One line, at once."""
        self.faults += "fault" in line
        text = said(line) if self._as_json else in_words(line)
        if text:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()


def _listen(worker: Worker, stop: threading.Event) -> None:
    """What the gateway says after the plan: marks of operators. When it is gone, so are we."""
    for text in sys.stdin:
        try:
            line = json.loads(text)
            mark = line["mark"]
            worker.marks.append((str(mark["camera"]), str(mark["key"]), bool(mark["right"])))
        except (ValueError, KeyError, TypeError):
            _log.warning("not understood line=%.80r", text)
    stop.set()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m detectors", description=__doc__)
    parser.add_argument("sources", nargs="*", help="a site's folder, files, or addresses of cameras")
    parser.add_argument(
        "--kind", action="append", default=[], choices=names(), help="what to look for; may be repeated"
    )
    parser.add_argument("--model", type=Path, help="the network for every kind that needs one")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of every kind given"
    )
    parser.add_argument("--fps", type=float, help="pictures a second to look at")
    parser.add_argument("--size", type=int, help="side of the square the network looks at")
    parser.add_argument("--user", default="", help="who we are at the camera")
    parser.add_argument("--password-file", type=Path, help="file with the camera's password")
    parser.add_argument("--state", type=Path, help="folder in which detectors keep what they learn")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--check", action="store_true", help="say what is wrong, look at nothing")
    parser.add_argument("--plan", action="store_true", help=argparse.SUPPRESS)
    return parser


def _plan(args: argparse.Namespace) -> Plan:
    if args.plan:
        given = json.loads(sys.stdin.readline())
        return Plan(
            Eyes.model_validate(given["eyes"]), Path(given["state_dir"]), float(given["utc_offset_s"])
        )
    sites = [Path(source) for source in args.sources if _is_site(source)]
    if sites:
        return _of_site(sites[0], args)
    if not args.sources:
        raise SettingsError(
            Fault(
                "", 0, "sources", "there is nothing to look at", "name a site, a file or a camera's address"
            )
        )
    return Plan(_by_hand(args), args.state, 0.0)


def _is_site(source: str) -> bool:
    return not urlsplit(source).netloc and (Path(source).is_dir() or Path(source).suffix in {".yaml", ".yml"})


def _of_site(path: Path, args: argparse.Namespace) -> Plan:
    """The cameras of every source ``driver: vision`` of a site."""
    file = path / SITE_FILE if path.is_dir() else path
    document = files.read_yaml(file)
    village = files.validated(Village, document)
    sources = {name: source for name, source in village.sources.items() if source.driver == DRIVER}
    if not sources:
        raise SettingsError(
            Fault(str(file), 0, "sources", f"none has driver: {DRIVER}", "see docs/cameras.md")
        )
    eyes = []
    for name, source in sources.items():
        own = {key: value for key, value in own_keys(source).items() if key in Eyes.model_fields}
        eyes.append(files.validated(Eyes, document, ("sources", name), own))
    merged = Eyes(
        models={key: value for one in eyes for key, value in one.models.items()},
        cameras={key: value for one in eyes for key, value in one.cameras.items()},
        evidence=eyes[0].evidence,
    )
    return Plan(merged, args.state, offset_s(village.site))


def offset_s(site: SiteSettings) -> float:
    """The site's zone now [s east of Greenwich]."""
    offset = SystemClock().now().astimezone(site.zone).utcoffset() or timedelta(0)
    return offset.total_seconds()


def _by_hand(args: argparse.Namespace) -> Eyes:
    kinds: dict[str, dict[str, Any]] = {kind: dict(map(_setting, args.set)) for kind in args.kind}
    models = {}
    if args.model is not None:
        models["given"] = {"path": args.model, "size": args.size}
        for settings in kinds.values():
            settings["model"] = "given"
    common = {"detectors": kinds, "fps": args.fps, "user": args.user, "password_file": args.password_file}
    cameras = {}
    for index, source in enumerate(args.sources):
        if not urlsplit(source).netloc and not Path(source).is_file():
            raise SettingsError(Fault(source, 0, "", "cannot be read (no such file)"))
        cameras[f"camera-{index + 1}" if len(args.sources) > 1 else "camera"] = {"url": source, **common}
    try:
        return Eyes.model_validate({"models": models, "cameras": cameras})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(Fault("", 0, key, str(first["msg"]).removeprefix("Value error, "))) from error


def _setting(text: str) -> tuple[str, Any]:
    key, _, value = text.partition("=")
    document = files.parse_yaml(f"value: {value}".encode(), Path("--set"))
    return key, document.data["value"]


def _fault(fault: Fault, *, as_json: bool) -> None:
    if as_json:
        shown = {
            "path": fault.path,
            "line": fault.line,
            "key": fault.key,
            "problem": fault.problem,
            "remedy": fault.remedy,
        }
        sys.stdout.write(said({"fault": shown}) + "\n")
    else:
        sys.stderr.write(f"{fault}\n")


if __name__ == "__main__":
    sys.exit(main())
