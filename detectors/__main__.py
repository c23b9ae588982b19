"""The worker as a program: look at cameras or files, and say what is seen, one line each.

By hand: ``python -m detectors FILE|URL ... --kind fire --model fire.onnx --json``, or ``python -m detectors SITE``. The
gateway starts it with ``--plan`` and writes what it must know to its standard input, or systemd starts it with
``--connect SOCKET`` and it fetches the same there (see ``drivers/vision.py``).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import cv2

from detectors.runtime import ptz
from detectors.runtime.archive import Archive, evidence_of
from detectors.runtime.build import Built, build, names, pace
from detectors.runtime.camera import Arrival, Camera, Reader
from detectors.runtime.eye import Eye
from detectors.runtime.plan import Plan, by_hand, is_site, of_site, told
from detectors.runtime.slots import Slots
from detectors.runtime.stills import open_thermal
from detectors.runtime.talk import Mouth, alive, listen, reach
from detectors.runtime.thrift import be_thrifty
from detectors.runtime.worker import Worker
from detectors.scenes.source import Scene, is_scene
from gateway import systemd
from gateway.clock import SystemClock
from gateway.errors import Fault, SettingsError

EX_CONFIG = 78


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns the exit code."""
    args = _arguments().parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    be_thrifty()
    cv2.setNumThreads(1)  # small pictures: what several threads save, they lose in waiting for one another
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if args.connect is not None:
        return _guest(args, stop)
    if args.plan:
        return serve(told(json.loads(sys.stdin.readline()), args.state), sys.stdin, sys.stdout, stop)
    return _for_a_person(args, stop)


def serve(
    plan: Plan,
    ears: TextIO,
    out: TextIO,
    stop: threading.Event,
    on_beat: Callable[[], None] = lambda: None,
) -> int:
    """Look for the gateway until it goes; what is wrong is said, and what is right is looked at all the same."""
    mouth = Mouth(out, stop, as_json=True)
    assert plan.state_dir is not None
    built = _built(plan, plan.state_dir)
    for fault in built.faults:
        logging.getLogger(__name__).error("not as the site says key=%s problem=%s", fault.key, fault.problem)
        mouth.fault(fault)
    mouth.on_beat = on_beat
    worker = assemble(plan, built, mouth)
    done = threading.Event()
    threading.Thread(target=listen, args=(ears, worker, stop, done), name="ears", daemon=True).start()
    try:
        worker.run(stop)
    finally:
        done.set()
    return 0


def assemble(plan: Plan, built: Built, say: Callable[[Mapping[str, Any]], None]) -> Worker:
    """Cameras, eyes and the worker between them."""
    clock = SystemClock(assume_trusted=plan.clock_trusted)
    slots: Slots[Arrival] = Slots(plan.eyes.cameras)
    cameras, eyes, movers = {}, {}, {}
    for slug, entry in plan.eyes.cameras.items():
        watchers = built.watchers[slug]
        fps = pace(entry, watchers)
        now_s = clock.monotonic() if entry.live else 0.0
        if slug in built.movers:
            movers[slug] = ptz.of(slug, entry, built.movers[slug], clock)
        where = movers.get(slug)
        eyes[slug] = Eye(slug, entry, watchers, built.models, fps=fps, now_s=now_s, where=where)
        opener: Callable[[], Reader] | None = None
        if slug in built.thermal:
            opener = partial(open_thermal, entry, built.thermal[slug], fps, clock)
        elif is_scene(entry.looks_at):
            opener = partial(Scene, entry.looks_at, fps, clock.monotonic)
        cameras[slug] = Camera(slug, entry, fps=fps, slots=slots, clock=clock, opener=opener)
    models = {name: built.unread.get(name, "ok") for name in plan.eyes.models}
    archive = None
    if plan.state_dir is not None:
        archive = Archive(
            plan.eyes,
            built,
            plan.state_dir,
            clock=clock,
            mark=lambda *said: worker.marks.append(said),
        )
    worker = Worker(
        eyes,
        cameras,
        slots,
        clock=clock,
        say=say,
        missing=built.missing,
        models=models,
        movers=movers,
        witness=archive,
    )
    return worker


def _built(plan: Plan, folder: Path) -> Built:
    built = build(plan.eyes, folder, plan.utc_offset_s)
    built.evidence, faults = evidence_of(plan.eyes)
    built.faults += faults
    return built


def _guest(args: argparse.Namespace, stop: threading.Event) -> int:
    """Go to the gateway, look as long as it wants; systemd sends us again afterwards."""
    systemd.notify("READY=1")
    channel = reach(args.connect, stop)
    if channel is None:
        return 0
    with channel, channel.makefile("r", encoding="utf-8") as ears:
        out = channel.makefile("w", encoding="utf-8")
        try:
            plan = ears.readline()
            return serve(told(json.loads(plan), args.state), ears, out, stop, alive) if plan else 0
        finally:
            with contextlib.suppress(OSError):  # what was not heard any more is not heard now
                out.close()


def _for_a_person(args: argparse.Namespace, stop: threading.Event) -> int:
    watched = sys.stderr if sys.stderr.isatty() and not args.json else None
    mouth = Mouth(sys.stdout, stop, as_json=args.json, watched=watched)
    try:
        with tempfile.TemporaryDirectory(prefix="village-eyes-") as folder:
            plan = _asked(args)
            built = _built(plan, plan.state_dir or Path(folder))
            faults = built.faults  # a person is there to mend them before anything is looked at
            if not faults and not args.check:
                assemble(plan, built, mouth).run(stop)
                return 1 if mouth.faults else 0
    except SettingsError as error:
        faults = list(error.faults)
    for fault in faults:
        mouth.fault(fault)
    return EX_CONFIG if faults else 0


def _asked(args: argparse.Namespace) -> Plan:
    if args.stdin:
        return told(json.load(sys.stdin))
    if not args.sources:
        remedy = "name a site, a file or a camera's address"
        raise SettingsError(Fault("", 0, "sources", "there is nothing to look at", remedy))
    return of_site(Path(args.sources[0]), args.state) if is_site(args.sources[0]) else by_hand(args)


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
    parser.add_argument(
        "--stdin", action="store_true", help=argparse.SUPPRESS
    )  # with --check: a plan to check
    parser.add_argument("--plan", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--connect", type=Path, metavar="SOCKET", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
