"""``village decode``: what one payload says, without a gateway running."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drivers.decode import lorawan, serial
from drivers.decode.intake import EXPLAIN_THEMSELVES, Intake, listening
from drivers.decode.messages import Message
from drivers.decode.registers import sample_of_reply
from drivers.decode.sample import Sample, readings_of
from gateway import files, site
from gateway.catalogue import Catalogue, DeviceModel
from gateway.clock import SystemClock
from gateway.contracts import Device
from gateway.errors import BadReply, Fault, SettingsError
from gateway.model import Reading, split_series
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings

HELP = "Decode one payload of a device model and print its readings as one JSON line."
EXAMPLE = """village decode em310-udl --port 85 --hex 01755c03824408040001
village decode em310-udl --json uplink.json --topic application/1/device/24e124713b492158/event/up"""

EX_DATAERR = 65  # <sysexits.h>

Options = Mapping[str, str | int | float | bool]


def arguments(parser: argparse.ArgumentParser) -> None:
    """What stands behind the command's name."""
    parser.add_argument(
        "model", metavar="MODEL", help="name of a catalogue file, or another name of the model"
    )
    parser.add_argument(
        "--hex", metavar="HEX", help="payload, or one whole Modbus RTU reply; spaces and colons are ignored"
    )
    parser.add_argument(
        "--json",
        metavar="FILE",
        help="a whole MQTT message instead of --hex, as the broker has it; - = stdin",
    )
    parser.add_argument("--topic", metavar="TOPIC", help="where that message was published")
    parser.add_argument("--request", metavar="HEX", help="the Modbus RTU request that the reply answers")
    parser.add_argument(
        "--port", type=int, metavar="N", help="LoRaWAN fPort (default: the usual one of the model)"
    )
    parser.add_argument(
        "--site",
        type=Path,
        metavar="DIR",
        help="use the catalogue and the plain mappings of this site as well",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the device's decoder",
    )


def run(args: argparse.Namespace) -> int:
    """Decode and print."""
    quantities = site.load_quantities()
    folders = catalogue_folders(args.site)
    model = find_model(args.model, site.load_catalogue(quantities, folders))
    if args.json is not None:
        return _whole_message(args, model, quantities, folders)
    payload = bytes_of(args.hex)
    port = args.port if args.port is not None else usual_port(model)
    if model.wire == "lorawan" and port is None:
        problem = f"is missing, and {model.model} has no example that shows its usual port"
        raise SettingsError(Fault("", 0, "--port", problem, "write the fPort of the uplink, e.g. --port 2"))
    request = bytes_of(args.request, "--request") if args.request else None
    options = options_of(args.option)
    received = SystemClock().now()
    try:
        if model.wire == "modbus":
            samples = [sample_of_reply(model, payload, request)]
        elif model.wire == "serial":
            samples = [serial.decode(model, payload, options)]
        else:
            samples = lorawan.decode(model, payload, port, options, catalogue_dirs=folders, received=received)
    except BadReply as error:
        print(f"{model.model}: {error}", file=sys.stderr)
        return EX_DATAERR
    print(json.dumps(report(model, samples, quantities, received), ensure_ascii=False))
    return 0


def _whole_message(
    args: argparse.Namespace, model: DeviceModel, quantities: Quantities, folders: Sequence[Path]
) -> int:
    """The same for what a broker delivers: the network server's or the bridge's wrapper comes off first."""
    if not args.topic:
        raise SettingsError(
            Fault("", 0, "--topic", "is missing", "write the topic of the message; it says who wrapped it")
        )
    if any(sign in args.topic for sign in "+#{}"):
        problem = f"{args.topic!r} is a pattern, not the topic of one message"
        raise SettingsError(Fault("", 0, "--topic", problem, "write it as the broker shows it"))
    raw = sys.stdin.buffer.read() if args.json == "-" else _read(Path(args.json))
    whole = site.load_site(args.site) if args.site else None
    intake = Intake(
        [
            *(_listened(whole) if whole else ()),
            *listening(EXPLAIN_THEMSELVES),
            ("milesight", {"topic": args.topic}),
        ],
        (),
        quantities=quantities,
        zone=whole.village.site.zone if whole else UTC,
        catalogue_dirs=folders,
    )
    received = SystemClock().now()
    try:
        heard = intake.hear(Message(args.topic, raw))[0]
        settings = DeviceSettings(source="-", model=model.model, options=options_of(args.option))
        samples = intake.samples(Device("x", settings, model), heard, received)
    except (BadReply, ValueError) as error:
        print(f"{model.model}: {error}", file=sys.stderr)
        return EX_DATAERR
    told = report(model, samples, quantities, received)
    told["diagnostics"] += [heard.note] if heard.note else []
    told["from"] = heard.address
    told["link"] = dict(heard.facts)
    print(json.dumps(told, ensure_ascii=False))
    return 0


def _listened(whole: site.Site) -> list[tuple[str, Mapping[str, Any]]]:
    """What the MQTT sources of a site listen to."""
    settings = [plugin.settings for plugin in whole.sources.values()]
    return [entry for each in settings for entry in listening(getattr(each, "listen", []))]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(Fault(str(path), 0, "--json", f"cannot be read ({error.strerror})")) from error


def report(
    model: DeviceModel, samples: Sequence[Sample], quantities: Quantities, received: datetime
) -> dict[str, Any]:
    """What a person is shown of one message, whatever wire it came over.

    Args:
        model: Of the device.
        samples: What the decoder made of the message.
        quantities: For the units.
        received: When the message came.

    Returns:
        ``model``; ``readings`` of the first sample (quantity -> value, unit, flag); ``diagnostics`` of all samples,
        with the reason of every value that is missing or doubtful; ``samples``, each with its own time, when there
        are several or the only one is back-dated.
    """
    shown = [_one(model, sample, quantities, received) for sample in samples]
    diagnostics = [word for each in shown for word in each.pop("diagnostics")]
    told: dict[str, Any] = {
        "model": model.model,
        "readings": shown[0]["readings"] if shown else {},
        "diagnostics": list(dict.fromkeys(diagnostics)),
    }
    if len(shown) > 1 or any(sample.at for sample in samples):
        told["samples"] = shown
    return told


def find_model(name: str, catalogue: Catalogue) -> DeviceModel:
    """A model by any of its names.

    Raises:
        SettingsError: There is none, with the nearest names.
    """
    if name in catalogue:
        return catalogue[name]
    near = catalogue.nearest(name)
    remedy = f"did you mean {' or '.join(near)}?" if near else files.nearest(name, list(catalogue))
    raise SettingsError(Fault("", 0, "MODEL", f"no device model {name!r}", remedy))


def catalogue_folders(folder: Path | None) -> tuple[Path, ...]:
    """The shipped catalogue, and the one beside a site file."""
    shipped = files.config_root() / "catalogue"
    if folder is None:
        return (shipped,)
    if not folder.exists():
        raise SettingsError(
            Fault(str(folder), 0, "--site", "does not exist", "name a folder with a village.yaml")
        )
    return (shipped, (folder if folder.is_dir() else folder.parent) / "catalogue")


def bytes_of(text: str | None, word: str = "--hex") -> bytes:
    """Hexadecimal digits as bytes; spaces, colons, dashes and a leading 0x do no harm.

    Raises:
        SettingsError: It is no hexadecimal number of whole bytes; says where.
    """
    if text is None:
        raise SettingsError(Fault("", 0, word, "is missing", "write the payload, e.g. --hex 01755c"))
    plain = text.strip().removeprefix("0x")
    for filler in " :-\t\n":
        plain = plain.replace(filler, "")
    for place, sign in enumerate(plain):
        if sign not in "0123456789abcdefABCDEF":
            problem = f"{sign!r} (number {place + 1}) is no hexadecimal digit"
            raise SettingsError(Fault("", 0, word, problem, "only 0-9 and a-f, two for each byte"))
    if len(plain) % 2:
        problem = f"{len(plain)} digits are no whole number of bytes"
        raise SettingsError(Fault("", 0, word, problem, "write two digits for each byte"))
    return bytes.fromhex(plain)


def usual_port(model: DeviceModel) -> int | None:
    """The fPort of the model's first example, for people who only have the bytes."""
    return next((example.port for example in model.examples if example.port), None)


def options_of(words: Sequence[str]) -> dict[str, str | int | float | bool]:
    """``name=value`` words as options; what looks like a number is one.

    Raises:
        SettingsError: A word has no ``=``.
    """
    found: dict[str, str | int | float | bool] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise SettingsError(Fault("", 0, "--option", f"{word!r} has no value", "write name=value"))
        found[name] = _plain(value)
    return found


def _plain(value: str) -> str | int | float | bool:
    if value in {"true", "false"}:
        return value == "true"
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _one(model: DeviceModel, sample: Sample, quantities: Quantities, received: datetime) -> dict[str, Any]:
    readings = readings_of("x", model, sample, received, quantities)
    words = [f"{_quantity(each)}: {each.flagged_by}" for each in readings if each.flagged_by]
    shown: dict[str, Any] = {
        "readings": {
            _quantity(each): {
                "value": each.value,
                "unit": quantities[_quantity(each)].unit,
                "flag": each.flag.name,
            }
            for each in readings
        },
        "diagnostics": [*sample.diagnostics, *words],
    }
    if sample.at is not None:
        shown["at"] = sample.at.astimezone(UTC).isoformat()
    return shown


def _quantity(reading: Reading) -> str:
    return split_series(reading.series)[1]
