"""What one run of the worker is about: said by the gateway, read from a site file, or typed by hand."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from gateway import files
from gateway.cameras import Eyes
from gateway.clock import SystemClock
from gateway.errors import Fault, SettingsError
from gateway.settings import SiteSettings, Village, own_keys

DRIVER = "vision"
SITE_FILE = "village.yaml"


@dataclass(frozen=True)
class Plan:
    """What to look at.

    Attributes:
        eyes: Cameras and models.
        state_dir: Where detectors keep what they learn; ``None``: nothing outlives the run.
        utc_offset_s: The site's zone [s east of Greenwich].
        clock_trusted: The gateway believes the wall clock (the site may say so): we need not look for ourselves.
    """

    eyes: Eyes
    state_dir: Path | None
    utc_offset_s: float
    clock_trusted: bool = False


def told(given: Mapping[str, Any], state_dir: Path | None = None) -> Plan:
    """As the gateway says it; a unit of its own keeps what it learns in a folder of its own."""
    eyes = Eyes.model_validate(given["eyes"])
    return Plan(
        eyes,
        state_dir or Path(given["state_dir"]),
        float(given["utc_offset_s"]),
        given.get("clock_trusted") is True,
    )


def is_site(source: str) -> bool:
    """Whether a word of the command line names a site rather than a camera."""
    return not urlsplit(source).netloc and (Path(source).is_dir() or Path(source).suffix in {".yaml", ".yml"})


def of_site(path: Path, state_dir: Path | None) -> Plan:
    """The cameras of every source ``driver: vision`` of a site.

    Raises:
        SettingsError: What is wrong with the file, or that it has no cameras.
    """
    file = path / SITE_FILE if path.is_dir() else path
    document = files.read_yaml(file)
    village = files.validated(Village, document)
    sources = {name: source for name, source in village.sources.items() if source.driver == DRIVER}
    if not sources:
        raise SettingsError(
            Fault(str(file), 0, "sources", f"none has driver: {DRIVER}", "see docs/cameras.md")
        )
    eyes = []
    for name, source in sources.items():
        own = {key: value for key, value in own_keys(source).items() if key in Eyes.model_fields}
        eyes.append(files.validated(Eyes, document, ("sources", name), own).beside(file.parent))
    merged = Eyes(
        models={key: value for one in eyes for key, value in one.models.items()},
        cameras={key: value for one in eyes for key, value in one.cameras.items()},
        evidence=eyes[0].evidence,
    )
    return Plan(merged, state_dir, _offset_s(village.site))


def by_hand(args: argparse.Namespace) -> Plan:
    """Files and addresses of the command line, all looked at in the same way.

    Raises:
        SettingsError: What is wrong with them.
    """
    kinds: dict[str, dict[str, Any]] = {kind: dict(map(_setting, args.set)) for kind in args.kind}
    models = {}
    if args.model is not None:
        models["given"] = {"path": args.model, "size": args.size}
        for settings in kinds.values():
            settings["model"] = "given"
    common = {"detectors": kinds, "fps": args.fps, "user": args.user, "password_file": args.password_file}
    cameras = {}
    for index, source in enumerate(args.sources):
        if not urlsplit(source).netloc and not Path(source).is_file():
            raise SettingsError(Fault(source, 0, "", "cannot be read (no such file)"))
        cameras[f"camera-{index + 1}" if len(args.sources) > 1 else "camera"] = {"url": source, **common}
    try:
        return Plan(Eyes.model_validate({"models": models, "cameras": cameras}), args.state, 0.0)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        problem = str(first["msg"]).removeprefix("Value error, ")
        raise SettingsError(Fault("", 0, key, problem)) from error


def _setting(text: str) -> tuple[str, Any]:
    key, _, value = text.partition("=")
    document = files.parse_yaml(f"value: {value}".encode(), Path("--set"))
    return key, document.data["value"]


def _offset_s(site: SiteSettings) -> float:
    offset = SystemClock().now().astimezone(site.zone).utcoffset() or timedelta(0)
    return offset.total_seconds()
