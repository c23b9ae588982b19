"""NCNN exports (``model.ncnn.param`` with ``model.ncnn.bin`` beside it): small and quick on Arm."""

from __future__ import annotations

import os
from pathlib import Path

import ncnn
import numpy as np

from detectors.runtime.heads import Floats
from detectors.runtime.models.names import beside
from detectors.runtime.network import About, BadModel
from gateway.cameras import ModelEntry


class Backend:
    """One network on one pair of files."""

    def __init__(self, path: Path, entry: ModelEntry) -> None:
        weights = path.with_suffix(".bin")
        self._net = ncnn.Net()
        self._net.opt.num_threads = entry.threads or max(1, (os.cpu_count() or 1) - 1)
        if self._net.load_param(str(path)) or self._net.load_model(str(weights)):
            raise BadModel(f"NCNN cannot read it (is {weights.name} beside it?)")
        self._input = self._net.input_names()[0]
        self._output = self._net.output_names()[0]
        names, metadata = beside(path)
        self.about = About(0, 0, names, metadata)

    def run(self, blob: Floats) -> Floats:
        """The first output, (1, rows, columns); raises BadModel."""
        extractor = self._net.create_extractor()
        extractor.input(self._input, ncnn.Mat(np.ascontiguousarray(blob[0])))
        code, output = extractor.extract(self._output)
        if code:
            raise BadModel(f"NCNN failed ({code})")
        return np.array(output, np.float32)[None]
