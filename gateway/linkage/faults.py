"""What is wrong with the outputs of a site and the acts of its rules, each with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from pydantic import BaseModel

from gateway import files
from gateway.errors import Fault
from gateway.linkage.wishes import NEAREST
from gateway.outputs import Output
from gateway.rulefiles import Rules, Written
from gateway.settings import Village


class Source(Protocol):
    """A source with its checked settings."""

    @property
    def settings(self) -> BaseModel:
        """Its own."""


def linkage_faults(
    document: files.Document, village: Village, sources: Mapping[str, Source], rules: Rules | None
) -> list[Fault]:
    """Coils that the line does not allow, channels that are no broker, rules that name what is not there."""
    found: list[Fault] = []
    for slug, output in village.outputs.items():
        found += _of_output(document, village, sources, slug, output)
    for name, source in sources.items():
        for camera, entry in cameras_of(source).items():
            found += _of_views(document, village, ("sources", name, "cameras", camera, "views"), entry.views)
    if rules is not None:
        cameras = {name for one in sources.values() for name in cameras_of(one)}
        for written in rules.written.values():
            if rules.judged(written.rule.id):
                found += _of_rule(written, village, cameras)
    return found


def cameras_of(source: Source) -> Mapping[str, Any]:
    """The cameras that a source has."""
    cameras = getattr(source.settings, "cameras", None)
    return cameras if isinstance(cameras, Mapping) else {}


def _of_output(
    document: files.Document, village: Village, sources: Mapping[str, Source], slug: str, output: Output
) -> Iterator[Fault]:
    where: files.Where = ("outputs", slug)
    if output.channel is not None and output.channel in village.channels:
        kind = village.channels[output.channel].type
        if kind != "mqtt":
            yield document.fault(
                (*where, "channel"), f"{output.channel} is a channel of type {kind}", "name one of type mqtt"
            )
    source = sources.get(output.source or "")
    if source is None:
        return
    allowed = getattr(source.settings, "writes", None)
    if allowed is None:
        yield document.fault(
            (*where, "source"), f"{output.source} cannot switch anything", "name a Modbus line"
        )
    elif not any(
        (one.unit, one.address, one.kind, one.min, one.max) == (output.unit, output.address, "coil", 0, 1)
        for one in allowed
    ):
        entry = f"{{unit: {output.unit}, kind: coil, address: {output.address}}}"
        remedy = f"add {entry} to sources.{output.source}.writes"
        yield document.fault((*where, "address"), f"{output.source} may not write this coil", remedy)


def _of_views(
    document: files.Document, village: Village, where: files.Where, views: Mapping[str, list[str]]
) -> Iterator[Fault]:
    for preset, devices in views.items():
        for index, device in enumerate(devices):
            if device not in village.devices:
                near = files.nearest(device, list(village.devices)) or "name a device of the site"
                yield document.fault((*where, preset, index), f"no device is called {device!r}", near)


def _of_rule(written: Written, village: Village, cameras: set[str]) -> Iterator[Fault]:
    for index, act in enumerate(written.rule.act):
        key = files.dotted(("rules", written.rule.id, "act", index))
        if act.output is not None and act.output not in village.outputs:
            near = files.nearest(act.output, list(village.outputs)) or "the site file has no outputs"
            yield Fault(
                str(written.path), written.line, f"{key}.output", f"no output is called {act.output!r}", near
            )
        elif act.output is not None and act.for_ is not None:
            most = village.outputs[act.output].max_duration
            if act.for_ > most:
                words = f"{act.output} may be on for {most.total_seconds():g} s at most"
                yield Fault(str(written.path), written.line, f"{key}.for", words)
        if act.camera is not None and act.camera not in {NEAREST, *cameras}:
            near = files.nearest(act.camera, sorted(cameras)) or "no source has cameras"
            yield Fault(
                str(written.path), written.line, f"{key}.camera", f"no camera is called {act.camera!r}", near
            )
