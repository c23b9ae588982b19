"""``village vision export``: a trained network for the worker's back ends, held against what it was made of."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gateway.commands.sight.train import trained
from gateway.site import load_words

HELP = "export a .pt for onnxruntime, ncnn, OpenVINO or TensorRT and check that it still says the same"
EXAMPLE = """
village vision export ./fire-1/best.pt --to onnx --samples ./dataset/images/val -o ./fire-1
village vision export ./fire-1/best.pt --to ncnn --imgsz 320 --samples ./pictures -o ./fire-1 --name fire
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument("weights", type=Path, help="the .pt")
    parser.add_argument(
        "--to", choices=["onnx", "ncnn", "openvino", "tensorrt"], required=True, help="format"
    )
    parser.add_argument(
        "--samples", type=Path, required=True, help="pictures as the cameras see them: both are shown them"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for what comes out")
    parser.add_argument("--imgsz", type=int, default=320, help="side of the square it looks at (320)")
    parser.add_argument("--name", default="own", help="what the model is called in village.yaml")
    parser.add_argument("--json", action="store_true", help="the outcome as one JSON object")
    parser.add_argument("--lang", choices=["zh", "en"], default="zh", help="language of the answer")


def run(args: argparse.Namespace) -> int:
    """Export, compare, say what to paste."""
    words = [
        "export", str(args.weights), "--to", args.to, "--samples", str(args.samples),
        "--output", str(args.output), "--imgsz", str(args.imgsz), "--name", args.name,
    ]  # fmt: skip
    code, outcome = trained(words)
    if outcome is None:
        return code
    if args.json:
        print(json.dumps(outcome, ensure_ascii=False))
        return code
    say, agreement = load_words(args.lang), outcome["agreement"]
    print(say("training.exported", file=outcome["file"]))
    print(
        say(
            "training.agrees",
            pictures=agreement["pictures"],
            scores=f"{agreement['raw_scores']:.4f}",
            pixels=f"{agreement['raw_pixels']:.2f}",
            matched=agreement["matched"],
            boxes=agreement["boxes"],
        )
    )
    if not agreement["boxes"]:
        print(say("training.no_boxes"))
    print((args.output / f"model-{args.to}.yaml").read_text(encoding="utf-8"), end="")
    return code
