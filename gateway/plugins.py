"""A name in YAML becomes a module: the only dynamic import. Nothing is registered; the name is the file."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from gateway.errors import Fault, SettingsError
from gateway.files import nearest

SHELVES = {
    "driver": "drivers",
    "sink": "gateway.store.sinks",
    "decoder": "drivers.decode.lorawan",
    "serial": "drivers.decode.serial",
    "message": "drivers.decode.messages",
    "channel": "gateway.notify.channels",
    "board": "dashboards",
    "detector": "detectors",
}


def names(kind: str) -> list[str]:
    """What lies on a shelf: every module that is not a package of machinery."""
    shelf = importlib.import_module(SHELVES[kind])
    found = pkgutil.iter_modules(shelf.__path__)
    return sorted(module.name for module in found if not module.ispkg and not module.name.startswith("_"))


def load(kind: str, name: str, *, path: str = "", line: int = 0, key: str = "") -> ModuleType:
    """The module of a plug-in.

    Args:
        kind: Which shelf, a key of :data:`SHELVES`.
        name: As it stands in the YAML.
        path: File in which it stands, for the message.
        line: Line in it.
        key: Key in it.

    Raises:
        SettingsError: No such file, or an extra it needs is not installed.
    """
    known = names(kind)
    if name not in known:
        raise SettingsError(Fault(path, line, key, f"no {kind} is called {name!r}", nearest(name, known)))
    try:
        return importlib.import_module(f"{SHELVES[kind]}.{name}")
    except ImportError as error:
        problem = f"{kind} {name!r} needs {error.name!r}, which is not installed"
        raise SettingsError(Fault(path, line, key, problem)) from error
