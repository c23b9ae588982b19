"""What a site says of its cameras and models: read by the driver that starts the worker and by the worker itself.

Pure, and without arrays: a gateway without the extra ``vision`` can still check the file.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator, model_validator

from gateway.schema import Duration, Size, Slug, Strict

SCHEMES = frozenset({"rtsp", "rtsps", "http", "https", "file", "scene", ""})
SNAPSHOT = "snapshot"  # kind of evidence and event: a picture that a rule has asked for
Share = Annotated[float, Field(ge=0, le=1)]
Corner = tuple[Share, Share]
Polygon = Annotated[tuple[Corner, ...], Field(min_length=3, max_length=64)]


class ModelEntry(Strict):
    """A network in a file that the operator puts there; nothing is ever downloaded.

    Attributes:
        path: The file, or the folder of an NCNN or OpenVINO export.
        sha256: What it must hash to (of a folder: of its weights file); unset: whatever lies there is believed.
        classes: Names by index, where the file itself does not hold them.
        size: Side of the square it looks at [pixels]; default what the file says, else 640.
        confidence: Boxes below are dropped.
        iou: Of two boxes of one class that overlap more, only the better stays.
        thresholds: Class -> its own confidence.
        backend: Which library runs it; default by the kind of file.
        head: How its output is laid out; default recognised by shape and metadata.
        threads: Processor threads it may take; default one less than there are, at least one.
    """

    path: Path
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    classes: tuple[str, ...] = ()
    size: int | None = Field(default=None, ge=32, le=2048, multiple_of=32)
    confidence: Share = 0.1
    iou: Share = 0.5
    thresholds: dict[str, Share] = Field(default_factory=dict)
    backend: (
        Literal["onnxruntime", "tensorrt", "opencv", "ncnn", "openvino", "ultralytics", "colours"] | None
    ) = None
    head: Literal["yolov5", "yolov8", "yolox", "end2end"] | None = None
    threads: int | None = Field(default=None, ge=1, le=64)


class ZoneEntry(Strict):
    """A part of the picture with a name.

    Attributes:
        polygon: Corners as shares of width and height.
        preset: Of a moving camera: only there.
    """

    polygon: Polygon
    preset: Slug | None = None


class Limits(Strict):
    """What one decoder may take.

    Attributes:
        memory: Of addresses (RLIMIT_AS).
        nice: How far it stands back behind the rest of the box.
        threads: Decoding threads.
        open: How long it may take until the first picture.
    """

    memory: Size = Field(default=1_500_000_000, ge=100_000_000)
    nice: int = Field(default=5, ge=0, le=19)
    threads: int = Field(default=1, ge=1, le=16)
    open: Duration = timedelta(seconds=15)


class Watch(Strict):
    """When a camera counts as out of order; a time of 0s switches that one off.

    Attributes:
        blind: No picture for this long.
        frozen: Always the very same picture for this long.
        covered: As good as nothing to see for this long, where there was something a minute before.
        moved: Another scene for this long.
        remind: It is said again after this long.
    """

    blind: Duration = timedelta(seconds=8)
    frozen: Duration = timedelta(seconds=9)
    covered: Duration = timedelta(seconds=8)
    moved: Duration = timedelta(seconds=8)
    remind: Duration = timedelta(minutes=5)


class CameraEntry(Strict):
    """One camera: where its streams are, and what is looked for.

    Attributes:
        url: Its main stream, without user and password: ``rtsp://192.168.1.20/main``; or a file.
        sub: Its sub-stream, for looking; default the main stream.
        replay: A file is played at its own pace, again and again, as if it were a camera (a demo, a trial).
        user: Who we are there.
        password_file: A file or a systemd credential, never the password itself.
        size: Box into which a picture is brought before anybody looks [pixels]; its shape is kept.
        fps: Pictures a second to look at; default 5, or 10 where something follows vehicles.
        decoder: Which hardware decodes: ``v4l2m2m`` (Raspberry Pi), ``nvmpi`` (Jetson), ``vaapi``, ``qsv``.
        codec: Of the stream, for a hardware decoder that is chosen by it.
        zones: Name -> polygon, or polygon and preset.
        masks: Polygons in which nothing is looked for and of which nothing is kept.
        detectors: Which, each with its own settings; ``model`` names one of ``models``.
        limits: For its decoder.
        watch: For its own health.
        ptz: How it is turned (checked by the worker).
        views: Of a moving camera: preset -> devices that are seen from there. A rule that wants a look at one of them
            need not name the preset.
        thermal: How its temperatures are read (checked by the worker).
        evidence: What of it is kept (checked by the worker).
        shadow: What it sees is written down and told to nobody: ``true``, or before a day (``2026-12-14``), or only
            of these kinds (``[collision, hit_and_run]``). That it is blind or moved is told all the same.
    """

    url: str
    sub: str | None = None
    replay: bool = False
    user: str = ""
    password_file: Path | None = None
    size: tuple[int, int] = (640, 640)
    fps: float | None = Field(default=None, gt=0, le=30)
    decoder: Literal["software", "v4l2m2m", "nvmpi", "vaapi", "qsv"] = "software"
    codec: Literal["h264", "hevc"] = "h264"
    zones: dict[Slug, ZoneEntry] = Field(default_factory=dict)
    masks: list[Polygon] = Field(default_factory=list)
    detectors: dict[Slug, dict[str, Any]] = Field(default_factory=dict)
    limits: Limits = Limits()
    watch: Watch = Watch()
    ptz: dict[str, Any] | None = None
    views: dict[str, list[Slug]] = Field(default_factory=dict)
    thermal: dict[str, Any] | None = None
    evidence: dict[str, Any] | None = None
    shadow: bool | date | tuple[Slug, ...] = False

    @field_validator("url", "sub")
    @classmethod
    def _bare(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise ValueError("a password does not stand in an address: write user: and password_file:")
        if parts.scheme not in SCHEMES:
            raise ValueError(f"unknown scheme {parts.scheme!r}; write rtsp://, http:// or the path of a file")
        if any(sign in url for sign in "\n\r'"):
            raise ValueError("an address holds no line breaks and no apostrophes")
        return url

    @field_validator("zones", mode="before")
    @classmethod
    def _short(cls, zones: Any) -> Any:
        if not isinstance(zones, dict):
            return zones
        return {
            name: {"polygon": zone} if isinstance(zone, list | tuple) else zone
            for name, zone in zones.items()
        }

    @field_validator("detectors", mode="before")
    @classmethod
    def _bare_names(cls, detectors: Any) -> Any:
        if not isinstance(detectors, dict):
            return detectors
        return {name: {} if settings is None else settings for name, settings in detectors.items()}

    @field_validator("size")
    @classmethod
    def _visible(cls, size: tuple[int, int]) -> tuple[int, int]:
        if not (64 <= size[0] <= 3840 and 64 <= size[1] <= 2160):
            raise ValueError("write width and height between 64 and 3840 x 2160")
        return size

    @model_validator(mode="after")
    def _views_are_turned_to(self) -> CameraEntry:
        if self.views and self.ptz is None:
            raise ValueError("views: name presets, and a camera without ptz: has none")
        return self

    def seen_from(self, device: str) -> str:
        """The preset from which a device is seen; empty: the site names none."""
        return next((preset for preset, devices in self.views.items() if device in devices), "")

    def in_shadow(self, kind: str, day: date) -> bool:
        """Whether an event of this kind, of this local day, is told to nobody."""
        if kind.startswith("camera_"):
            return False
        if isinstance(self.shadow, tuple):
            return kind in self.shadow
        return day < self.shadow if isinstance(self.shadow, date) else self.shadow

    @property
    def remote(self) -> bool:
        """Whether it is reached over the network."""
        return urlsplit(self.looks_at).scheme not in {"", "file", "scene"}

    @property
    def live(self) -> bool:
        """Whether it goes at its own pace and never ends, as a camera does."""
        parts = urlsplit(self.looks_at)
        scene = parts.scheme == "scene" and "for=" not in parts.query  # one of a given length is a film
        return self.remote or self.replay or scene

    @property
    def looks_at(self) -> str:
        """The stream that is decoded."""
        return self.sub or self.url


class Eyes(Strict):
    """Everything the worker must know, apart from passwords.

    Attributes:
        models: Name -> file.
        cameras: Slug -> camera.
        evidence: What is kept of what is seen, for all cameras (checked by the worker).
    """

    models: dict[Slug, ModelEntry] = Field(default_factory=dict)
    cameras: dict[Slug, CameraEntry] = Field(min_length=1)
    evidence: dict[str, Any] = Field(default_factory=dict)

    def beside(self, folder: Path) -> Self:
        """The same, with paths that begin nowhere beginning in the site's folder.

        Args:
            folder: Where ``village.yaml`` lies.
        """
        models = {
            name: entry.model_copy(update={"path": folder / entry.path})
            for name, entry in self.models.items()
        }
        named = {
            key: str(folder / str(self.evidence[key])) for key in ("key", "folder") if self.evidence.get(key)
        }
        return self.model_copy(update={"models": models, "evidence": {**self.evidence, **named}})

    @model_validator(mode="after")
    def _known_models(self) -> Eyes:
        for slug, camera in self.cameras.items():
            for name, settings in camera.detectors.items():
                model = settings.get("model")
                if isinstance(model, str) and model not in self.models:
                    known = ", ".join(self.models) or "none"
                    raise ValueError(
                        f"cameras.{slug}.detectors.{name}: no model is called {model!r}; there is: {known}"
                    )
        return self


def spoken(model: BaseModel) -> Any:
    """A model as plain data that the same model takes back: times with their unit, paths as text."""
    return _plain(model.model_dump())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f}s"
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value
