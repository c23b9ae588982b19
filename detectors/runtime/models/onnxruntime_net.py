"""ONNX files with onnxruntime: the usual back end, and TensorRT through its provider on a Jetson."""

from __future__ import annotations

import os
from pathlib import Path

import onnxruntime

from detectors.runtime.heads import Floats
from detectors.runtime.models.names import names_in
from detectors.runtime.network import About, BadModel
from gateway.cameras import ModelEntry

PROVIDERS = {"tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]}


class Backend:
    """One session on one file."""

    def __init__(self, path: Path, entry: ModelEntry) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = entry.threads or max(1, (os.cpu_count() or 1) - 1)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_mem_pattern = False  # YOLO11n at 640: 148 MB instead of 173, in the same time
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "0"
        )  # idle threads must not burn a core
        wanted = PROVIDERS.get(entry.backend or "", ["CPUExecutionProvider"])
        there = onnxruntime.get_available_providers()
        if entry.backend == "tensorrt" and PROVIDERS["tensorrt"][0] not in there:
            raise BadModel(f"this onnxruntime has no TensorRT; it has {', '.join(there)}")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=[name for name in wanted if name in there]
            )
        except Exception as error:  # onnxruntime's own classes are private
            raise BadModel(f"onnxruntime cannot read it ({str(error)[:200]})") from error
        first = self._session.get_inputs()[0]
        self._input = first.name
        self._output = self._session.get_outputs()[0].name
        height, width = (side if isinstance(side, int) else 0 for side in first.shape[2:4])
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.about = About(height, width, names_in(metadata.get("names", "")), metadata)

    def run(self, blob: Floats) -> Floats:
        """The first output; raises BadModel."""
        try:
            output: Floats = self._session.run([self._output], {self._input: blob})[0]
        except Exception as error:  # see above
            raise BadModel(f"onnxruntime failed ({str(error)[:200]})") from error
        return output
