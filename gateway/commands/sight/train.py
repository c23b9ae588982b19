"""``village vision train``: a network of one's own out of labelled pictures, made by a process of its own."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from gateway.site import load_words

HELP = "train a network on a folder of labelled pictures (ultralytics, AGPL-3.0, an extra)"
EXAMPLE = """
village vision train ./dataset --from yolo11n.yaml --epochs 100 --imgsz 320 -o ./fire-1
village vision train ./dataset/data.yaml --from ./fire-1/best.pt --epochs 20 -o ./fire-2 --name fire
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument(
        "data", type=Path, help="folder in YOLO's format (docs/training.md), or its data.yaml"
    )
    parser.add_argument(
        "--from",
        dest="start",
        default="yolo11n.yaml",
        help="a .pt to go on from, or yolo11n.yaml: from nothing",
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="folder for the network and its figures"
    )
    parser.add_argument("--epochs", type=int, default=100, help="how often all pictures are seen (100)")
    parser.add_argument("--imgsz", type=int, default=320, help="side of the square it looks at (320)")
    parser.add_argument("--batch", type=int, default=16, help="pictures at a time (16)")
    parser.add_argument("--device", default="cpu", help="cpu, or the number of a GPU")
    parser.add_argument("--name", default="own", help="what the model is called in village.yaml")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")
    parser.add_argument("--lang", choices=["zh", "en"], default="zh", help="language of the answer")


def run(args: argparse.Namespace) -> int:
    """Check the data, train, say what came of it."""
    words = [
        "train", str(args.data), "--start", args.start, "--output", str(args.output),
        "--epochs", str(args.epochs), "--imgsz", str(args.imgsz), "--batch", str(args.batch),
        "--device", args.device, "--name", args.name,
    ]  # fmt: skip
    code, outcome = trained(words)
    if outcome is None:
        return code
    if args.json:
        print(json.dumps(outcome, ensure_ascii=False))
        return code
    say = load_words(args.lang)
    data = outcome["data"]
    print(
        say(
            "training.trained",
            file=args.output / "best.pt",
            train=data["train"]["pictures"],
            val=data["val"]["pictures"],
            seconds=f"{outcome['seconds']:.0f}",
        )
    )
    print(say("training.figures", **{key: outcome[key] for key in ("map50", "precision", "recall")}))
    for name, one in outcome["classes"].items():
        print(f"  {name}: {say('training.figures', **one)}")
    print(say("training.honest"))
    print((args.output / "model.yaml").read_text(encoding="utf-8"), end="")
    return code


def trained(words: list[str]) -> tuple[int, dict[str, Any] | None]:
    """Run the program beside us; its exit code, and what it says at the end."""
    command = [sys.executable, "-m", "detectors.training", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603  # our own program
    last = done.stdout.decode("utf-8", "replace").strip().splitlines()[-1:]
    return done.returncode, json.loads(last[0]) if done.returncode == 0 and last else None
