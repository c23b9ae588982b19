"""The whole site, read and checked: settings, quantities, catalogue, the settings of all its plug-ins.

Reading goes through ``files.py``; this module only knows what belongs together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from pydantic import BaseModel

from gateway import files, plugins
from gateway.catalogue import Catalogue, DeviceModel
from gateway.contracts import Device
from gateway.errors import Fault, SettingsError
from gateway.linkage.faults import linkage_faults
from gateway.names import holidays_of, name_faults
from gateway.quantities import Quantities, Quantity
from gateway.rulefiles import Rules, load_rules, rule_files
from gateway.rules.plan import Surroundings
from gateway.rules.rulebook import Rulebook
from gateway.settings import DeviceSettings, PluginSettings, Village, own_keys
from gateway.units import check_convertible
from gateway.words import Language, Phrase, Words

T = TypeVar("T")
SITE_FILE = "village.yaml"
QUANTITIES_FILE = "quantities.yaml"
_SHELF = {"sources": "driver", "sinks": "sink", "channels": "channel"}


GATEWAY = Device(
    "gateway", DeviceSettings(source="health", period=timedelta(minutes=1))
)  # judged like a sensor


@dataclass(frozen=True)
class Plugin:
    """A source, sink or channel of the site: its module, its own checked settings."""

    name: str
    module: ModuleType
    settings: BaseModel


@dataclass(frozen=True)
class Site:
    """Everything the house is built from."""

    path: Path
    village: Village
    quantities: Quantities
    catalogue: Catalogue
    catalogue_dirs: tuple[Path, ...]
    sources: dict[str, Plugin]
    sinks: dict[str, Plugin]
    channels: dict[str, Plugin]
    devices: dict[str, Device]
    rules: Rules

    def rulebook(self) -> Rulebook:
        """The rules of this site, fresh: nothing heard yet."""
        return Rulebook(self.rules.plans, {GATEWAY.slug: GATEWAY, **self.devices}, self.quantities)

    def devices_of(self, source: str) -> tuple[Device, ...]:
        """The enabled devices that a source hears."""
        return tuple(
            device
            for device in self.devices.values()
            if device.settings.source == source and device.settings.enabled
        )


def site_file(path: Path) -> Path:
    """A site is named by its folder or by its file."""
    return path / SITE_FILE if path.is_dir() else path


def load_site(path: Path, drafts: Mapping[Path, bytes] | None = None) -> Site:
    """Read and check a whole site.

    Args:
        path: The folder that holds ``village.yaml``, or the file itself. A folder ``catalogue/`` beside it adds device
            models or replaces shipped ones; a file ``quantities.yaml`` does the same for quantities, a folder
            ``rules/`` for rules.
        drafts: What shall stand in some of these files, to be tried before it is written.

    Raises:
        SettingsError: With every fault found.
    """
    file = site_file(path)
    tried = drafts or {}
    document = files.read_draft(file, tried)
    faults: list[Fault] = []
    quantities = load_quantities(file.parent / QUANTITIES_FILE)
    dirs = tuple(
        folder for folder in (files.config_root() / "catalogue", file.parent / "catalogue") if folder.is_dir()
    )
    catalogue = _gather(faults, lambda: load_catalogue(quantities, dirs)) or Catalogue([])
    village = files.validated(Village, document)
    sources = _plugins(faults, document, "sources", "driver", dict(village.sources))
    sinks = _plugins(faults, document, "sinks", "type", dict(village.sinks))
    channels = _plugins(faults, document, "channels", "type", dict(village.channels))
    faults += name_faults(document, village)
    devices = {}
    for slug, settings in village.devices.items():
        where = ("devices", slug)
        model = _model_of(faults, document, where, settings, catalogue)
        faults += _device_faults(document, where, settings, village, quantities)
        devices[slug] = Device(slug, settings, model)
    around = Surroundings(quantities, village.site.zone, holidays_of(village))
    rules = _gather(
        faults,
        lambda: load_rules(
            rule_files(file.parent, tried),
            quantities,
            village.rules,
            document=document,
            around=around,
            drafts=tried,
        ),
    )
    faults += linkage_faults(document, village, sources, rules)
    if faults or rules is None:
        raise SettingsError(*faults)
    return Site(file, village, quantities, catalogue, dirs, sources, sinks, channels, devices, rules)


def load_quantities(own: Path | None = None) -> Quantities:
    """The shipped list of quantities, and what a site adds or changes in a ``quantities.yaml`` of its own."""
    quantities: dict[str, Quantity] = {}
    for path in (files.config_root() / QUANTITIES_FILE, *([own] if own is not None and own.exists() else [])):
        document = files.read_yaml(path)
        if not isinstance(document.data, dict):
            raise SettingsError(
                Fault(str(path), 1, "", "is no list of quantities", "write `name: {unit: ..., ...}`")
            )
        quantities |= {name: files.validated(Quantity, document, (name,)) for name in document.data}
    return Quantities(quantities)


def load_words(language: Language = "zh") -> Words:
    """The shipped texts for people: every file of ``config/words``; a group stands in one of them only."""
    phrases: dict[str, Phrase] = {}
    for path in sorted((files.config_root() / "words").glob("*.yaml")):
        document = files.read_yaml(path)
        phrases |= {
            f"{group}.{name}": files.validated(Phrase, document, (group, name))
            for group, texts in document.data.items()
            for name in texts
        }
    return Words(phrases, language)


def load_catalogue(quantities: Quantities, dirs: tuple[Path, ...] | None = None) -> Catalogue:
    """All device models; a later folder replaces what an earlier one says.

    Raises:
        SettingsError: With every fault of every file.
    """
    faults: list[Fault] = []
    models: dict[str, DeviceModel] = {}
    for folder in dirs if dirs is not None else (files.config_root() / "catalogue",):
        for path in sorted(folder.glob("*.yaml")):
            model = _gather(faults, lambda path=path: load_model(path, quantities))  # type: ignore[misc]
            if model is not None:
                models[model.model] = model
    if faults:
        raise SettingsError(*faults)
    return Catalogue(models.values())


def load_model(path: Path, quantities: Quantities) -> DeviceModel:
    """One catalogue file; its quantities and units are checked here, its examples by the contract suite."""
    document = files.read_yaml(path)
    model = files.validated(DeviceModel, document)
    faults = []
    if model.model != path.stem:
        faults.append(
            document.fault(("model",), f"{model.model!r} is not the name of the file", f"write {path.stem}")
        )
    for quantity, meaning in model.readings.items():
        where = ("readings", quantity)
        if quantity not in quantities:
            faults.append(
                document.fault(where, "no such quantity", files.nearest(quantity, list(quantities)))
            )
        elif meaning.unit is not None:
            try:
                check_convertible(meaning.unit, quantities[quantity].unit)
            except ValueError as error:
                faults.append(document.fault((*where, "unit"), str(error)))
    if faults:
        raise SettingsError(*faults)
    return model


def _plugins(
    faults: list[Fault], document: files.Document, section: str, key: str, entries: dict[str, PluginSettings]
) -> dict[str, Plugin]:
    kind = _SHELF[section]
    found = {}
    for name, entry in entries.items():
        where = (section, name)
        module_name = getattr(entry, key)

        def build(
            name: str = name,
            entry: PluginSettings = entry,
            where: files.Where = where,
            module_name: str = module_name,
        ) -> Plugin:
            place = (*where, key)
            module = plugins.load(
                kind, module_name, path=str(document.path), line=document.line(place), key=files.dotted(place)
            )
            settings = files.validated(module.Settings, document, where, own_keys(entry))
            if hasattr(settings, "beside"):  # it names files: those beside the site file are meant
                settings = settings.beside(document.path.parent)
            return Plugin(name, module, settings)

        plugin = _gather(faults, build)
        if plugin is not None:
            found[name] = plugin
    return found


def _model_of(
    faults: list[Fault],
    document: files.Document,
    where: files.Where,
    settings: DeviceSettings,
    catalogue: Catalogue,
) -> DeviceModel | None:
    if settings.model is None:
        return None
    if settings.model not in catalogue:
        near = catalogue.nearest(settings.model)
        remedy = f"did you mean {' or '.join(near)}?" if near else "village catalogue lists all models"
        faults.append(document.fault((*where, "model"), f"no device model {settings.model!r}", remedy))
        return None
    return catalogue[settings.model]


def _device_faults(
    document: files.Document,
    where: files.Where,
    settings: DeviceSettings,
    village: Village,
    quantities: Quantities,
) -> list[Fault]:
    faults = []
    if settings.source not in village.sources:
        remedy = files.nearest(settings.source, list(village.sources))
        faults.append(document.fault((*where, "source"), f"no source is called {settings.source!r}", remedy))
    for quantity in settings.checks:
        if quantity not in quantities:
            remedy = files.nearest(quantity, list(quantities))
            faults.append(document.fault((*where, "checks", quantity), "no such quantity", remedy))
    return faults


def _gather(faults: list[Fault], build: Callable[[], T]) -> T | None:
    try:
        return build()
    except SettingsError as error:
        faults.extend(error.faults)
        return None
