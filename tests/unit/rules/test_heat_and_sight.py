"""A camera for light and one for heat confirm each other, and neither waits for the other (the shipped rules)."""

from __future__ import annotations

import pytest

from gateway.rulefiles import load_rules, rule_files
from tests.unit.rules.told import AROUND, QUANTITIES, Teller

SHIPPED = load_rules(rule_files(None), QUANTITIES, around=AROUND).written
FIRE, THERMAL = SHIPPED["fire"].rule, SHIPPED["thermal"].rule
HILL = {"d": ["hill"], "e": ["hill"]}  # d sees light, e sees heat


@pytest.fixture
def told() -> Teller:
    return Teller(FIRE, THERMAL, tags=HILL)


def test_light_first_is_told_at_once_and_heat_raises_it(told: Teller) -> None:
    told.event(0, "fire", score=0.8)
    assert told.state("fire", "d") == "firing orange"
    told.event(1, "thermal", score=0.9, device="e")
    assert told.state("fire", "d") == "firing red"
    assert told.state("thermal", "e") == "firing red"


def test_heat_first_is_red_without_waiting_for_light(told: Teller) -> None:
    told.event(0, "thermal", score=0.9, device="e")
    assert told.state("thermal", "e") == "firing red"
    assert told.state("fire", "e") == "normal"
    told.event(1, "fire", score=0.8)
    assert told.state("fire", "d") == "firing red", (
        "a fire that heat has already shown is red from its first word"
    )


def test_an_early_warning_is_soft_until_somebody_sees_smoke(told: Teller) -> None:
    told.event(0, "thermal", score=0.5, device="e")
    assert told.state("thermal", "e") == "firing yellow"
    told.event(1, "smoke_review", score=0.39)  # what the fire detector calls only worth a look
    assert told.state("thermal", "e") == "firing red"
    assert told.state("fire", "d") == "normal", "smoke worth a look wakes nobody by itself"


def test_light_elsewhere_or_too_late_says_nothing_of_heat() -> None:
    told = Teller(FIRE, THERMAL, tags={"d": ["hill"], "e": ["school"]})
    told.event(0, "thermal", score=0.5, device="e")
    told.event(1, "fire", score=0.8)
    assert told.state("thermal", "e") == "firing yellow"
    assert told.state("fire", "d") == "firing orange"
    told = Teller(FIRE, THERMAL, tags=HILL)
    told.event(0, "fire", score=0.8)
    told.event(4, "thermal", score=0.9, device="e")
    assert told.state("fire", "d") == "firing orange"


def test_one_camera_with_both_eyes_needs_no_tags() -> None:
    told = Teller(FIRE, THERMAL)
    told.event(0, "fire", score=0.8)
    told.event(1, "thermal", score=0.9)
    assert told.state("fire", "d") == "firing red"


def test_heat_in_one_zone_and_light_in_another_of_the_same_camera_agree() -> None:
    told = Teller(FIRE, THERMAL)
    told.event(0, "fire", score=0.8, zone="yard")
    told.event(1, "thermal", score=0.9, zone="slope")
    assert told.state("fire", "d:yard") == "firing red"


def test_a_camera_without_an_all_clear_ends_by_the_clock_and_stays_until_a_person_has_looked(
    told: Teller,
) -> None:
    told.event(0, "thermal", score=0.9, device="e")
    told.pass_until(0, 9)
    assert told.state("thermal", "e") == "firing red"
    told.pass_until(9, 11)
    assert told.state("thermal", "e") == "latched red"


def test_what_goes_on_and_comes_in_time_confirms_although_the_first_words_were_too_far_apart(
    told: Teller,
) -> None:
    told.event(0, "thermal", score=0.9, device="e")
    told.event(5, "fire", score=0.8)
    assert told.state("fire", "d") == "firing orange"
    told.event(6, "thermal", score=0.9, device="e")  # the camera repeats what lasts
    told.event(6.5, "fire", score=0.8)  # so does ours
    assert told.state("fire", "d") == "firing red"
