"""``village check SITE``: validate everything without running."""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from drivers.decode.examples import samples_of
from gateway import files
from gateway.catalogue import DeviceModel, Example
from gateway.clock import SystemClock
from gateway.commands.decode import report
from gateway.commands.notify import channel_context
from gateway.commands.read import context_for
from gateway.contracts import Context, SinkContext
from gateway.errors import BadReply, Fault, SettingsError
from gateway.model import Notice
from gateway.names import gap_warnings, roster_of
from gateway.notify.batches import ROUND
from gateway.notify.telephone import Telephone
from gateway.notify.turns import Turns
from gateway.people import masked
from gateway.rulefiles import RULES
from gateway.rules.scenario import tell
from gateway.site import GATEWAY, Plugin, Site, load_site

HELP = (
    "validate a site: settings, device models and their examples; with --sinks also write to every database"
)
EXAMPLE = """
village check /etc/village
village check /etc/village --sinks
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument(
        "site", type=Path, nargs="?", default=Path(), help="folder with village.yaml (default: here)"
    )
    parser.add_argument(
        "--sinks", action="store_true", help="really write a point to every sink and read it back"
    )


def run(args: argparse.Namespace) -> int:
    """Print what was checked; raise SettingsError with everything that is wrong."""
    site = load_site(args.site)
    faults = _source_faults(site) + _example_faults(site) + _story_faults(site) + _address_faults(site)
    if faults:
        raise SettingsError(*faults)
    used = {device.model.model for device in site.devices.values() if device.model}
    print(
        f"{site.path}: ok: {len(site.devices)} devices of {len(used)} models, {len(site.sources)} sources,"
        f" {len(site.sinks)} sinks, {len(site.channels)} channels;"
        f" {len(site.catalogue)} device models with their examples"
    )
    for warning in gap_warnings(files.read_yaml(site.path), site.village, datetime.now(UTC)):
        print(warning, file=sys.stderr)
    for warning in (*_unknown_roles(site), *_no_rounds(site)):
        print(warning, file=sys.stderr)
    return _check_sinks(site) if args.sinks else 0


def _no_rounds(site: Site) -> list[str]:
    """Rules that wait for a round which nobody walks: a warning, no fault."""
    rounds = site.village.duty.rounds
    waiting = [
        plan.rule.id
        for plan in site.rules.plans
        if plan.rule.batch == ROUND
        and not any(rounds.get(role) for role in plan.rule.tell)
        and any(plan.concerns(slug, device) for slug, device in site.devices.items())
    ]
    if not site.village.people or not waiting:
        return []
    words = "duty.rounds names no round for whom these rules tell"
    return [f"{site.path}: warning: {words}: {', '.join(waiting)}; they are told with the digests"]


def _unknown_roles(site: Site) -> list[str]:
    """What the rules of this site's devices call people by and nobody here answers to: warnings, no faults."""
    if not site.village.people:
        return []
    turns = Turns(
        roster_of(site.village), site.devices, {plan.rule.id: plan.rule for plan in site.rules.plans}
    )
    found: dict[str, list[str]] = {}
    for plan in site.rules.plans:
        for slug, device in {GATEWAY.slug: GATEWAY, **site.devices}.items():
            for name in turns.unknown(plan.rule, device) if plan.concerns(slug, device) else ():
                rules = found.setdefault(name, [])
                if plan.rule.id not in rules:
                    rules.append(plan.rule.id)
    named = [
        f"{name} ({', '.join(rules[:2])}{' ...' * (len(rules) > 2)})" for name, rules in sorted(found.items())
    ]
    words = "nobody has these roles and no group is called so, but rules tell them"
    rest = "; whoever answers for the cell is told instead"
    return [f"{site.path}: warning: {words}: {', '.join(named)}{rest}"] if named else []


def _source_faults(site: Site) -> list[Fault]:
    """What a driver finds wrong when it is built (nothing is opened): mappings to nothing, addresses twice."""
    document = files.read_yaml(site.path)
    faults = []
    for name, plugin in site.sources.items():
        for fault in _found_in(plugin, context_for(site, name)):
            key = fault.key if fault.key.startswith("devices.") else f"sources.{name}.{fault.key}"
            place: files.Where = tuple(key.split("."))
            faults.append(Fault(str(site.path), document.line(place), key, fault.problem, fault.remedy))
    return faults


def _found_in(plugin: Plugin, context: Context) -> list[Fault]:
    """A driver that has more to look at than its constructor does so in ``examine(settings, context)``."""
    try:
        plugin.module.Driver(plugin.settings, context)
    except SettingsError as error:
        return list(error.faults)
    found: list[Fault] = (
        plugin.module.examine(plugin.settings, context) if hasattr(plugin.module, "examine") else []
    )
    return found


def _address_faults(site: Site) -> list[Fault]:
    """Addresses of people that their channel cannot use."""
    document = files.read_yaml(site.path)
    channels = {
        name: plugin.module.Channel(plugin.settings, channel_context(site, name, Path()))
        for name, plugin in site.channels.items()
    }
    faults = []
    for slug, person in site.village.people.items():
        for index, contact in enumerate(person.contacts):
            if contact.channel not in channels:
                continue
            channel, probe = channels[contact.channel], Notice("check", contact.to, "check", "check")
            # a channel of templates would miss their variables in a probe: only the number is looked at
            unfit = channel.unfit_number(probe) if isinstance(channel, Telephone) else channel.unfit(probe)
            if unfit:
                shown = unfit.replace(contact.to, masked(contact.to)) if contact.to else unfit
                faults.append(
                    document.fault(("people", slug, "channels", index), f"{contact.channel}: {shown}")
                )
    return faults


def _story_faults(site: Site) -> list[Fault]:
    """Every scenario of the site's own rules, told to them."""
    own = site.path.parent / RULES
    return [
        Fault(str(written.path), written.line, f"{name}.scenario[{failure.line}]", failure.problem)
        for name, written in site.rules.written.items()
        if written.path.parent == own and written.rule.scenario is not None
        for failure in tell(written.rule, site.rules.around)
    ]


def _example_faults(site: Site) -> list[Fault]:
    """Every example of every device model, decoded."""
    faults = []
    for model in site.catalogue.values():
        path = next(
            (folder / f"{model.model}.yaml" for folder in reversed(site.catalogue_dirs)
             if (folder / f"{model.model}.yaml").exists()), Path(model.model)
        )  # fmt: skip
        for index, example in enumerate(model.examples):
            problem = _problem(model, example, site)
            if problem:
                faults.append(Fault(str(path), 0, f"examples[{index}]", problem))
    return faults


def _problem(model: DeviceModel, example: Example, site: Site) -> str:
    """What an example gives instead of what it says; empty when it is right."""
    try:
        samples = samples_of(model, example, site.catalogue_dirs)
    except (BadReply, ValueError) as error:
        return f"cannot be decoded: {error}"
    shown = report(model, samples, site.quantities, datetime.now(UTC))
    found = {quantity: reading["value"] for quantity, reading in shown["readings"].items()}
    if set(found) != set(example.readings):
        return f"gives {', '.join(sorted(found)) or 'nothing'}, says {', '.join(sorted(example.readings))}"
    for quantity, wanted in example.readings.items():
        value = found[quantity]
        if (value is None) != (wanted is None) or (
            value is not None
            and wanted is not None
            and not math.isclose(value, wanted, rel_tol=1e-6, abs_tol=1e-12)
        ):
            return f"{quantity} is {value}, says {wanted}"
    return ""


def _check_sinks(site: Site) -> int:
    failed = 0
    for name, plugin in site.sinks.items():
        with tempfile.TemporaryDirectory(prefix="village-check-") as folder:
            context = SinkContext(
                name=name,
                site=site.village.site.slug,
                quantities=site.quantities,
                clock=SystemClock(),
                state_dir=Path(folder),
            )
            sink = plugin.module.Sink(plugin.settings, context)
            try:
                for step, outcome in sink.check():
                    good = outcome == "ok"
                    failed += not good
                    print(f"{name}: {step}: {outcome}", file=sys.stdout if good else sys.stderr)
            finally:
                sink.close()
    return 69 if failed else 0
