"""Anything ultralytics runs: ``.pt``, and TensorRT ``.engine`` files on a Jetson.

ultralytics is AGPL-3.0, and so are the weights it trains: whoever offers a service with it over a network owes its
users the source. An extra of its own (``vision-ultralytics``), imported only when a model asks for it, never needed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from detectors.runtime.contracts import Detections, Picture
from detectors.runtime.network import BadModel
from gateway.cameras import ModelEntry

os.environ.setdefault(
    "YOLO_OFFLINE", "true"
)  # it asks for updates, sends statistics and installs packages otherwise
os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("YOLO_VERBOSE", "false")


class Whole:
    """A network with its own preparation and suppression; it needs no head of ours.

    Args:
        path: The file.
        entry: What the site says of it.

    Raises:
        BadModel: It cannot be read or run.
    """

    def __init__(self, path: Path, entry: ModelEntry) -> None:
        import torch  # noqa: PLC0415  # 555 MB: only who names such a file pays for it
        from ultralytics.models import YOLO  # noqa: PLC0415

        self._entry = entry
        if entry.threads:
            torch.set_num_threads(entry.threads)
        try:
            self._model: Any = YOLO(str(path), task="detect")
            self.look(
                np.full((64, 64, 3), 114, np.uint8)
            )  # its first call takes seconds: now, not at the first picture
        except Exception as error:  # it raises whatever its many libraries raise
            raise BadModel(f"ultralytics cannot run it ({str(error)[:200]})") from error
        self.labels: tuple[str, ...] = entry.classes or tuple(self._model.names.values())

    def look(self, image: Picture) -> Detections:
        """Boxes after non-maximum suppression, in pixels of ``image``; raises BadModel when the network fails."""
        entry = self._entry
        least = min([entry.confidence, *entry.thresholds.values()])
        size = {"imgsz": entry.size} if entry.size else {}
        try:
            boxes = self._model.predict(image, conf=least, iou=entry.iou, verbose=False, save=False, **size)[
                0
            ].boxes
        except Exception as error:  # see above
            raise BadModel(f"ultralytics failed ({str(error)[:200]})") from error
        names = entry.classes or tuple(self._model.names.values())
        labels = [names[int(index)] for index in boxes.cls]
        scores = boxes.conf.cpu().numpy().astype(np.float32)
        sure = [
            index
            for index, (label, score) in enumerate(zip(labels, scores, strict=True))
            if score >= entry.thresholds.get(label, entry.confidence)
        ]
        xyxy = boxes.xyxy.cpu().numpy().astype(np.float32).reshape(-1, 4)
        return Detections(xyxy[sure], scores[sure], tuple(labels[index] for index in sure))
