"""Lets ultralytics start beside the processor's torch: PyPI's torchvision brings operators compiled for graphics cards.

``import torchvision`` then ends with "operator torchvision::nms does not exist". Before it is imported, the two operators
it looks for are declared with ``torch.library``, ``nms`` gets a plain implementation, and its check for the compiled ones
is switched off. Only for tests: on a Pi, a Jetson or with a graphics card nothing of this is needed.
"""

from __future__ import annotations

import os

_kept: list[object] = []  # a library that is collected takes its operators with it


def prepare() -> None:
    """Make ``import torchvision`` work, if it does not by itself; quiet and offline for ultralytics."""
    os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false")
    import torch

    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    else:
        return
    import sys

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", _nms, "CPU")
    _kept.append(library)
    import torchvision.extension
    import torchvision.ops.boxes

    torchvision.extension._assert_has_ops = torchvision.ops.boxes._assert_has_ops = lambda: None


def _nms(boxes, scores, iou_threshold):
    """Which boxes stay, best first: plain suppression by overlap."""
    import torch

    x1, y1, x2, y2 = boxes.unbind(1)
    areas = (x2 - x1) * (y2 - y1)
    order = scores.argsort(descending=True)
    kept = []
    while order.numel():
        best = order[0]
        kept.append(best)
        rest = order[1:]
        width = (torch.minimum(x2[best], x2[rest]) - torch.maximum(x1[best], x1[rest])).clamp(min=0)
        height = (torch.minimum(y2[best], y2[rest]) - torch.maximum(y1[best], y1[rest])).clamp(min=0)
        both = width * height
        order = rest[both / (areas[best] + areas[rest] - both) <= iou_threshold]
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.int64)
