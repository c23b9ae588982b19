"""From what the site says to what looks: models read, detectors built, each fault with the key it stands at.

A model that cannot be read is no reason to stand still: its detectors are left out and the health says why; only
``--check`` makes a fault of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from detectors.runtime import ptz, stills
from detectors.runtime.contracts import Model, SceneContext, Zone
from detectors.runtime.eye import Watcher
from detectors.runtime.network import open_model
from gateway import files, plugins
from gateway.cameras import CameraEntry, Eyes, ModelEntry
from gateway.errors import Fault, SettingsError
from gateway.evidence.settings import EvidenceSettings

SHELF = "detector"
NO_MODEL = "no model"
SLOW_FPS, FAST_FPS = 5.0, 10.0  # vision reference 4: 5 a second, 10 where vehicles are followed


@dataclass
class Built:
    """What came of it.

    Attributes:
        models: Name -> network.
        watchers: Camera -> its detectors.
        missing: Camera -> detector -> why it does not look.
        unread: Model -> why it could not be read.
        movers: Camera that can be turned -> how.
        thermal: Camera that measures heat -> how it is read.
        faults: Everything wrong, for ``--check``.
        evidence: Camera -> what is kept of it.
    """

    models: dict[str, Model] = field(default_factory=dict)
    watchers: dict[str, list[Watcher]] = field(default_factory=dict)
    missing: dict[str, dict[str, str]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    movers: dict[str, ptz.Settings] = field(default_factory=dict)
    thermal: dict[str, stills.Settings] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    evidence: dict[str, EvidenceSettings] = field(default_factory=dict)


def names() -> list[str]:
    """Every detector there is."""
    return plugins.names(SHELF)


def build(eyes: Eyes, state_dir: Path, utc_offset_s: float) -> Built:
    """Read the models and build the detectors.

    Args:
        eyes: What the site says.
        state_dir: Where detectors may keep what they learn.
        utc_offset_s: The site's zone [s east of Greenwich].
    """
    built = Built()
    wanted = {name for camera in eyes.cameras.values() for name in _models_of(camera, eyes.models).values()}
    for name, entry in eyes.models.items():
        try:
            if name in wanted:
                built.models[name] = open_model(entry, f"models.{name}")
        except SettingsError as error:
            built.faults += error.faults
            built.unread[name] = error.faults[0].problem
    for slug, camera in eyes.cameras.items():
        built.watchers[slug], built.missing[slug] = [], {}
        _add_special(built, slug, camera)
        for name in camera.detectors:
            try:
                _add(
                    built,
                    slug,
                    camera,
                    name,
                    models=eyes.models,
                    state_dir=state_dir,
                    utc_offset_s=utc_offset_s,
                )
            except SettingsError as error:
                built.faults += error.faults
                built.missing[slug][name] = error.faults[0].problem
    return built


def pace(camera: CameraEntry, watchers: list[Watcher]) -> float:
    """Pictures a second that are decoded."""
    if camera.fps is not None:
        return camera.fps
    return FAST_FPS if any(watcher.detector.needs_tracks for watcher in watchers) else SLOW_FPS


def _add(
    built: Built,
    slug: str,
    camera: CameraEntry,
    name: str,
    *,
    models: Mapping[str, ModelEntry],
    state_dir: Path,
    utc_offset_s: float,
) -> None:
    key = f"cameras.{slug}.detectors.{name}"
    module = plugins.load(SHELF, name, key=key)
    own = {word: value for word, value in camera.detectors[name].items() if word != "model"}
    settings = checked(module.Settings, own, key)
    model = _models_of(camera, models).get(name)
    if module.Detector.needs_model and (model is None or model not in built.models):
        built.missing[slug][name] = built.unread.get(model or "", NO_MODEL)
        return
    if not module.Detector.needs_model and not (
        getattr(module.Detector, "uses_model", False) and model in built.models
    ):
        model = None
    folder = state_dir / slug / name
    zones = {zone: Zone(zone, entry.polygon, entry.preset or "") for zone, entry in camera.zones.items()}
    context = SceneContext(slug, zones, folder, utc_offset_s)
    try:
        detector = module.Detector(settings, context)
    except SettingsError as error:
        raise SettingsError(*(_under(key, fault) for fault in error.faults)) from error
    built.watchers[slug].append(Watcher(name, detector, model, folder / "memory.json"))


def _add_special(built: Built, slug: str, camera: CameraEntry) -> None:
    """How it is turned and how its heat is read, where it does such things."""
    try:
        if camera.thermal is not None:
            built.thermal[slug] = checked(stills.Settings, camera.thermal, f"cameras.{slug}.thermal")
    except SettingsError as error:
        built.faults += error.faults
    try:
        if camera.ptz is not None:
            settings = checked(ptz.Settings, camera.ptz, f"cameras.{slug}.ptz")
            ptz.account(slug, camera, settings)
            built.movers[slug] = settings
    except SettingsError as error:
        built.faults += error.faults


def checked(model: type[BaseModel], data: Mapping[str, Any], key: str) -> Any:
    """Settings of a plug-in of the worker, each fault with the key it stands at.

    Raises:
        SettingsError: With everything wrong.
    """
    places: dict[files.Where, int] = {(): 0}
    _places(data, (), places)
    try:
        return files.validated(model, files.Document(Path(), dict(data), places))
    except SettingsError as error:
        raise SettingsError(*(_under(key, fault) for fault in error.faults)) from error


def _models_of(camera: CameraEntry, models: Mapping[str, ModelEntry]) -> dict[str, str]:
    """Detector -> model: the one it names, else the one that is called like it."""
    chosen = {}
    for name, settings in camera.detectors.items():
        model = settings.get("model", name)
        if model in models:
            chosen[name] = str(model)
    return chosen


def _under(key: str, fault: Fault) -> Fault:
    where = fault.key if fault.key.startswith(key) else ".".join(part for part in (key, fault.key) if part)
    return Fault("", 0, where, fault.problem, fault.remedy)


def _places(data: Any, where: files.Where, into: dict[files.Where, int]) -> None:
    items = (
        data.items()
        if isinstance(data, Mapping)
        else enumerate(data)
        if isinstance(data, list | tuple)
        else ()
    )
    for key, value in items:
        into[(*where, key)] = 0
        _places(value, (*where, key), into)
