"""The people of every example site: reachable, without holes, and invented."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import files
from gateway.escalation import plan
from gateway.names import gap_warnings, roster_of
from gateway.people import URGENCIES
from gateway.site import load_site

EXAMPLES = files.config_root() / "examples"
PEOPLED = [path.parent for path in sorted(EXAMPLES.glob("*/village.yaml")) if load_site(path).village.people]
INVENTED = re.compile(r"\+86 577 0000 [0-9]{4}")  # no subscriber's number begins with 0000
START = datetime(2026, 12, 1, tzinfo=UTC)


def _named(path: Path) -> str:
    return path.name


def test_two_sites_have_people() -> None:
    assert {"demo", "river"} <= {folder.name for folder in PEOPLED}


@pytest.mark.parametrize("folder", PEOPLED, ids=_named)
def test_at_every_hour_of_two_weeks_everything_has_somebody_at_once(folder: Path) -> None:
    village = load_site(folder).village
    roster = roster_of(village)
    for hour in range(14 * 24):
        at = START + timedelta(hours=hour)
        for device in village.devices.values():
            if device.cell is not None:
                for urgency in URGENCIES:
                    made = plan(roster, device.cell, urgency, at, role=device.role)
                    assert made.steps[0].told


@pytest.mark.parametrize("folder", PEOPLED, ids=_named)
def test_the_rota_has_no_holes_that_check_would_tell(folder: Path) -> None:
    document = files.read_yaml(folder / "village.yaml")
    assert gap_warnings(document, load_site(folder).village, START) == []


@pytest.mark.parametrize("folder", PEOPLED, ids=_named)
def test_nobody_real_is_called(folder: Path) -> None:
    for person in load_site(folder).village.people.values():
        assert all(INVENTED.fullmatch(number) for number in person.phones)
