"""ONNX files with OpenCV's own engine: slower than onnxruntime, and there wherever ``cv2`` is."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from detectors.runtime.heads import Floats
from detectors.runtime.models.names import embedded
from detectors.runtime.network import About, BadModel
from gateway.cameras import ModelEntry


class Backend:
    """One network on one file."""

    def __init__(self, path: Path, entry: ModelEntry) -> None:
        cv2.setNumThreads(entry.threads or max(1, (os.cpu_count() or 1) - 1))
        try:
            self._net = cv2.dnn.readNetFromONNX(str(path))
        except cv2.error as error:
            raise BadModel(f"OpenCV cannot read it ({str(error)[:200]})") from error
        self.about = About(
            0, 0, embedded(path)
        )  # OpenCV does not say what size a network wants: the site does, or 640

    def run(self, blob: Floats) -> Floats:
        """The first output; raises BadModel."""
        try:
            self._net.setInput(blob)
            return np.asarray(self._net.forward(), np.float32)
        except cv2.error as error:
            raise BadModel(f"OpenCV failed ({str(error)[:200]})") from error
