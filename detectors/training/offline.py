"""ultralytics, imported so that it neither asks nor changes anything outside the folder it is given."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from gateway.errors import Fault, SettingsError

EXTRA = "pip install 'village-gateway[vision-ultralytics]' (AGPL-3.0, see docs/training.md)"
# Switches of ultralytics 8.4: utils/__init__.py (YOLO_OFFLINE, YOLO_AUTOINSTALL, YOLO_CONFIG_DIR).
_SWITCHES = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "0", "YOLO_VERBOSE": "1", "WANDB_MODE": "disabled"}
_TALKERS = ("sync", "clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb", "hub", "neptune")


def ultralytics(work: Path) -> Any:
    """The library.

    Args:
        work: Where it keeps its settings, and everything else it writes.

    Raises:
        SettingsError: It is not installed, or does not start.
    """
    work.mkdir(parents=True, exist_ok=True)
    os.environ.update({**_SWITCHES, "YOLO_CONFIG_DIR": str(work)})
    try:
        library = import_module("ultralytics")
    except ImportError as error:
        raise SettingsError(Fault("", 0, "", f"needs {error.name or 'ultralytics'}", EXTRA)) from error
    except (RuntimeError, OSError) as error:  # torch and torchvision of two builds
        raise SettingsError(Fault("", 0, "", f"ultralytics does not start: {error}", EXTRA)) from error
    settings = library.settings
    settings.update({name: False for name in _TALKERS if name in settings})
    return library


def weights(path: Path) -> Path:
    """A network that is there; the library would fetch one by its name."""
    if not path.is_file():
        remedy = "put the file there; nothing is downloaded"
        raise SettingsError(Fault(str(path), 0, "", "there is no such network", remedy))
    return path
