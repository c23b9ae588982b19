"""Run detectors over clips with a truth and say how good they are: ``python -m detectors.evaluation CLIPS.csv ...``.

The same worker looks as in the village: decoder, gate, model, tracks, detectors, in the clip's own time.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from detectors.__main__ import assemble
from detectors.evaluation import score, table, truth
from detectors.evaluation.score import Outcome, Said
from detectors.evaluation.truth import Truth
from detectors.runtime.build import Built, build, names
from detectors.runtime.plan import Plan
from detectors.runtime.thrift import be_thrifty
from gateway import files
from gateway.cameras import Eyes
from gateway.errors import Fault, SettingsError

EX_CONFIG = 78
MODEL = "given"


class Ears:
    """Hears what the worker says of one clip."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.summary: Mapping[str, Any] = {}
        self.fault = ""

    def __call__(self, line: Mapping[str, Any]) -> None:
        """One line."""
        if "kind" in line:
            self.said.append(
                Said(line["kind"], line["state"], line["review"], line["stream_s"], line["score"])
            )
        elif "summary" in line:
            self.summary = line["summary"]
        elif "fault" in line:
            self.fault = str(line["fault"]["problem"])


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns the exit code."""
    args = _arguments().parse_args(argv)
    be_thrifty()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    try:
        clips = [one for one in truth.read(args.clips) if not args.only or _asked(one, args.only)]
        if not clips:
            raise SettingsError(Fault(str(args.clips), 0, "--only", "no clip is left"))  # noqa: TRY301  # one way to say a fault
        outcomes = list(_looked(clips, args))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return EX_CONFIG
    whole = score.report(outcomes)
    if args.json:
        sys.stdout.write(json.dumps(score.plain(outcomes, whole), ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in table.lines(outcomes, whole))
    return 0


def _looked(clips: Sequence[Truth], args: argparse.Namespace) -> Iterator[Outcome]:
    """Look through one clip after the other: the networks are read once, everything else is fresh."""
    findable = truth.findable(args.kind)
    eyes = _eyes(clips, args)
    with tempfile.TemporaryDirectory(prefix="village-evaluation-") as folder:
        built = build(eyes, Path(folder), 0.0)
        missing = [Fault("", 0, name, why) for name, why in built.missing[_camera(0)].items()]
        if built.faults or missing:
            raise SettingsError(*(built.faults or missing))
        for number, clip in enumerate(clips):
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{number + 1} of {len(clips)} {clip.file:<60.60}")
            alone = eyes.model_copy(update={"cameras": {_camera(number): eyes.cameras[_camera(number)]}})
            yield _look(clip, Plan(alone, None, 0.0), built, findable)
            del built.watchers[_camera(number)]


def _look(clip: Truth, plan: Plan, built: Built, findable: frozenset[str]) -> Outcome:
    """Look through one clip and compare; nothing of it is kept."""
    ears = Ears()
    assemble(plan, built, ears).run(threading.Event())
    if ears.fault or not ears.summary.get("frames"):
        raise SettingsError(Fault(str(clip.path), 0, "", ears.fault or "no picture could be read"))
    said = [one for one in ears.said if not one.kind.startswith("camera_")]
    seconds, ms = float(ears.summary["stream_s"]), float(ears.summary["ms"])
    return score.outcome(clip, findable, said, seconds=seconds, ms=ms)


def _camera(number: int) -> str:
    return f"clip-{number + 1}"


def _eyes(clips: Sequence[Truth], args: argparse.Namespace) -> Eyes:
    own = dict(_setting(text) for text in args.set)
    models: dict[str, Any] = {}
    if args.model is not None:
        models[MODEL] = {"path": str(args.model), **({"size": args.size} if args.size else {})}
        own["model"] = MODEL
    common: dict[str, Any] = {"detectors": dict.fromkeys(args.kind, own), "fps": args.fps}
    cameras = {_camera(number): {"url": str(clip.path), **common} for number, clip in enumerate(clips)}
    try:
        return Eyes.model_validate({"models": models, "cameras": cameras})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(Fault("", 0, key, str(first["msg"]).removeprefix("Value error, "))) from error


def _setting(text: str) -> tuple[str, Any]:
    key, _, value = text.partition("=")
    return key, files.parse_yaml(f"value: {value}".encode(), Path("--set")).data["value"]


def _asked(clip: Truth, patterns: Sequence[str]) -> bool:
    return any(fnmatch(clip.file, pattern) for pattern in patterns)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m detectors.evaluation", description=__doc__)
    parser.add_argument(
        "clips", type=Path, metavar="CLIPS.csv", help="table of clips and what happens in them"
    )
    parser.add_argument(
        "--kind", action="append", required=True, choices=names(), help="detector; may be repeated"
    )
    parser.add_argument("--model", type=Path, help="the network for every kind that needs one")
    parser.add_argument("--size", type=int, help="side of the square the network looks at")
    parser.add_argument("--fps", type=float, help="pictures a second to look at")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of every kind given"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="GLOB", help="only these clips; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


if __name__ == "__main__":
    sys.exit(main())
