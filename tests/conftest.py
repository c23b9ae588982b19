"""Shared by all tests."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.catalogue import Catalogue
from gateway.clock import ManualClock
from gateway.quantities import Quantities
from gateway.site import load_catalogue, load_quantities
from tests.torchvision_cpu import prepare

NOON = datetime(2026, 7, 18, 4, 0, tzinfo=UTC)  # noon in the village


@pytest.fixture(scope="session")
def quantities() -> Quantities:
    return load_quantities()


@pytest.fixture(scope="session")
def catalogue(quantities: Quantities) -> Catalogue:
    return load_catalogue(quantities)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded sensor data, named by VILLAGE_TEST_DATA."""
    folder = os.environ.get("VILLAGE_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("recorded data not at hand: set VILLAGE_TEST_DATA to its folder")
    return Path(folder)


@pytest.fixture(scope="session")
def vision() -> Path:
    """The folder of films, pictures and networks, named by VILLAGE_VISION_DATA."""
    folder = os.environ.get("VILLAGE_VISION_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("films and networks not at hand: set VILLAGE_VISION_DATA to their folder")
    return Path(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs torch runs where it is asked for: it is no part of the gateway."""
    wanted = bool(os.environ.get("VILLAGE_TRAINING"))
    asked = [item for item in items if "training" in item.keywords]
    if asked and wanted:
        prepare()
    for item in asked:
        if not wanted:
            item.add_marker(pytest.mark.skip(reason="needs torch and ultralytics: make test-training"))
