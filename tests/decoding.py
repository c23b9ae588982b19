"""Decode as the house does and compare: shared by the catalogue suite and the vector suites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from drivers.decode import lorawan
from drivers.decode.sample import Sample
from gateway import files
from gateway.catalogue import Catalogue, DeviceModel, Example
from gateway.commands.decode import report
from gateway.quantities import Quantities
from tests.conftest import NOON

SHIPPED = (files.config_root() / "catalogue",)


def told(model: DeviceModel, samples: Sequence[Sample], quantities: Quantities) -> dict[str, Any]:
    """What ``village decode`` would print, for a message received at noon."""
    return report(model, samples, quantities, NOON)


def values(readings: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """Quantity -> value."""
    return {quantity: reading["value"] for quantity, reading in readings.items()}


def same(found: Mapping[str, float | None], wanted: Mapping[str, float | None], note: str = "") -> None:
    """Exactly these quantities with these values; null is a missing value; numbers within 1e-6 of themselves."""
    assert set(found) == set(wanted), f"{note}: quantities differ"
    for quantity, value in wanted.items():
        if value is None:
            assert found[quantity] is None, f"{note}: {quantity} must have no value"
        else:
            assert found[quantity] == pytest.approx(value, rel=1e-6, abs=1e-12), f"{note}: {quantity}"


def check_example(
    model: DeviceModel, example: Example, samples: Sequence[Sample], quantities: Quantities
) -> None:
    """An example's readings, diagnostics and time against what came out."""
    shown = told(model, samples, quantities)
    note = f"{model.model} {example.hex or example.json_payload}"
    same(values(shown["readings"]), example.readings, note)
    for word in example.diagnostics:
        assert any(word in said for said in shown["diagnostics"]), (
            f"{note}: {word!r} not in {shown['diagnostics']}"
        )
    if example.at is not None:
        assert samples[0].at == datetime.fromisoformat(example.at), note


def check_vector(
    catalogue: Catalogue,
    quantities: Quantities,
    vector: Mapping[str, Any],
    wanted: Mapping[str, float | None],
    *,
    name: str | None = None,
) -> dict[str, Any]:
    """One line of the recorded decoder vectors.

    Args:
        catalogue: With the shipped models.
        quantities: For units.
        vector: With ``vendor``, ``model``, ``fport`` and ``payload_hex``.
        wanted: Quantity -> value; every one must come out, others may.
        name: Catalogue name, if it is not ``vendor/model``.

    Returns:
        What ``village decode`` would print, for further checks.
    """
    model = catalogue[name or f"{vector['vendor']}/{vector['model']}"]
    samples = lorawan.decode(
        model, bytes.fromhex(vector["payload_hex"]), vector["fport"], {}, catalogue_dirs=SHIPPED
    )
    shown = told(model, samples, quantities)
    found = values(shown["readings"])
    same({quantity: found.get(quantity, "absent") for quantity in wanted}, wanted, model.model)  # type: ignore[arg-type]
    return shown
