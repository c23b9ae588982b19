"""Every file of the catalogue: it loads, and its examples decode to exactly what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.decode.examples import samples_of
from gateway import plugins
from gateway.catalogue import Catalogue, DeviceModel, Example
from gateway.quantities import Quantities
from gateway.site import load_model, load_quantities
from tests.decoding import SHIPPED, check_example

FILES = sorted(path for folder in SHIPPED for path in folder.glob("*.yaml"))


def examples() -> list[object]:
    quantities = load_quantities()
    models = [load_model(path, quantities) for path in FILES]
    return [
        pytest.param(model, example, id=f"{model.model}-{number}")
        for model in models
        for number, example in enumerate(model.examples)
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_catalogue_file_is_whole(path: Path, quantities: Quantities) -> None:
    model = load_model(path, quantities)
    assert model.examples, f"{path.name} has no examples: nothing shows that its numbers are right"
    if model.decoder is not None:
        assert model.decoder in plugins.names("serial" if model.wire == "serial" else "decoder")
    named = set().union(*(example.readings for example in model.examples))
    assert named <= set(model.readings), "an example names a quantity that readings: does not"


@pytest.mark.parametrize(("model", "example"), examples())
def test_an_example_decodes_to_what_it_says(
    model: DeviceModel, example: Example, quantities: Quantities
) -> None:
    check_example(model, example, samples_of(model, example, SHIPPED), quantities)


def test_every_name_leads_to_one_model(catalogue: Catalogue) -> None:
    for model in catalogue.values():
        for name in (model.model, *model.also):
            assert catalogue[name] is model, f"{name} is claimed by two models"


def test_the_catalogue_serves_every_function_of_the_village(catalogue: Catalogue) -> None:
    assert len(catalogue) >= 30
    assert {model.domain for model in catalogue.values()} >= {
        "bin",
        "water",
        "level",
        "structure",
        "soil",
        "weather",
    }
