"""ONNX files with OpenCV's own engine: slower than onnxruntime, and there wherever ``cv2`` is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from detectors.runtime.heads import Floats
from detectors.runtime.models.names import names_in
from detectors.runtime.network import About, BadModel
from gateway.cameras import ModelEntry


class Backend:
    """One network on one file."""

    def __init__(self, path: Path, entry: ModelEntry) -> None:
        if entry.threads:
            cv2.setNumThreads(entry.threads)
        try:
            self._net = cv2.dnn.readNetFromONNX(str(path))
        except cv2.error as error:
            raise BadModel(f"OpenCV cannot read it ({str(error)[:200]})") from error
        text = path.read_bytes()
        # OpenCV does not tell metadata; ultralytics' names lie in the file as plain text
        start = text.find(b"{0: '")
        names = (
            names_in(text[start : text.find(b"}", start) + 1].decode("utf-8", "replace"))
            if start >= 0
            else ()
        )
        self.about = About(*_fixed_input(self._net), names, {})

    def run(self, blob: Floats) -> Floats:
        """The first output; raises BadModel."""
        try:
            self._net.setInput(blob)
            return np.asarray(self._net.forward(), np.float32)
        except cv2.error as error:
            raise BadModel(f"OpenCV failed ({str(error)[:200]})") from error


def _fixed_input(net: cv2.dnn.Net) -> tuple[int, int]:
    """OpenCV does not say what size a network wants: 0 lets the site file (or 640) decide."""
    return 0, 0
