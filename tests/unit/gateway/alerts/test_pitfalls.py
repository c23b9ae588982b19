"""What users of other systems suffered from (alerting reference, section 3), each as a test of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import Retry
from gateway.rules.language import Rule
from tests.office import FIRING, LATCHED, PENDING, Office
from tests.telling import rule

Opening = Callable[..., Office]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opening]:
    offices: list[Office] = []

    def build(*rules: Rule) -> Office:
        offices.append(Office(tmp_path, *(rules or (rule("tilt", []), rule("river", [])))))
        return offices[-1]

    yield build
    for office in offices:
        office.close()


async def test_03_after_a_restart_nothing_is_resolved_and_what_was_firing_is_still_known(
    opened: Opening,
) -> None:
    office = opened()
    await office.fires("tilt")
    await office.pass_(1)
    assert office.said() == ["red: tilt, 7号屋"]
    office.restart()
    await office.pass_(1)
    assert office.said() == []
    await office.ends("tilt")
    await office.pass_(1)
    assert office.said() == ["Over: tilt, 7号屋"]


async def test_04_a_restart_loses_no_timer_of_the_ladder_or_of_a_repeat(opened: Opening) -> None:
    office = opened()
    await office.fires("tilt")
    await office.pass_(2)
    office.restart()
    await office.pass_(2)
    assert office.said("sms") == ["无人响应,请处理。红色告警:tilt,7号屋"]
    office.said()
    await office.pass_(2)
    assert office.said() == ["Still, and nobody has answered. red: tilt, 7号屋"]


async def test_05_an_acknowledged_alert_stays_acknowledged_over_a_restart(opened: Opening) -> None:
    office = opened()
    await office.fires("tilt")
    await office.pass_(1)
    await office.write(office.desk.acknowledge("tilt", "house-7", "wang", office.clock.now()))
    office.restart()
    office.anything()
    await office.pass_(60)
    assert office.anything() == []


async def test_08_worse_while_it_flaps_is_told_at_once_and_the_recovery_goes_to_those_who_know(
    opened: Opening,
) -> None:
    office = opened()
    for _ in range(4):
        await office.fires("river", severity="yellow")
        await office.pass_(2)
        await office.ends("river")
        await office.pass_(2)
    assert office.said()[-1].startswith("Comes and goes")
    await office.fires("river", severity="yellow")
    await office.pass_(1)
    assert office.anything() == []
    await office.change("river", "house-7", FIRING, "red")
    await office.pass_(1)
    assert office.said() == ["Now red: river, 7号屋"]
    await office.ends("river")
    await office.pass_(5)
    assert office.said() == []
    await office.pass_(30)
    assert office.said() == ["Over: river, 7号屋"]


async def test_09_what_is_still_true_when_a_mask_ends_is_told_then(opened: Opening) -> None:
    office = opened()
    end = office.clock.now() + timedelta(hours=1)
    assert (
        await office.write(
            office.desk.shelve("tilt", "house-7", end, "He", "roof works", now=office.clock.now())
        )
        == ""
    )
    await office.fires("tilt")
    await office.pass_(59)
    assert office.anything() == []
    await office.pass_(2)
    assert office.said() == ["red: tilt, 7号屋"]


async def test_09_what_is_over_when_a_mask_ends_is_told_only_to_who_knew(opened: Opening) -> None:
    office = opened()
    await office.fires("tilt")
    await office.pass_(1)
    assert office.said() == ["red: tilt, 7号屋"]
    now = office.clock.now()
    for name in ("tilt", "river"):
        await office.write(
            office.desk.shelve(name, "house-7", now + timedelta(hours=1), "He", "works", now=now)
        )
    await office.fires("river")
    await office.ends("tilt")
    await office.ends("river")
    await office.pass_(59)
    assert office.anything() == []
    await office.pass_(2)
    assert office.anything() == ["Over: tilt, 7号屋"]


async def test_10_a_child_waits_for_a_parent_that_does_not_know_yet(opened: Opening) -> None:
    office = opened(rule("tilt", [], parent="uplink"), rule("uplink", []))
    office.parents["uplink"] = [("gateway", PENDING, False)]
    await office.fires("tilt", severity="yellow")
    await office.pass_(5)
    assert office.anything() == []
    office.parents.clear()
    await office.change("uplink", "gateway", FIRING, "yellow")
    await office.pass_(2)
    assert [line for line in office.anything() if "tilt" in line] == []
    await office.ends("uplink", "gateway")
    await office.pass_(2)
    assert "yellow: tilt, 7号屋" in office.said()


async def test_10_a_parent_that_never_knows_does_not_hide_its_child_for_ever(opened: Opening) -> None:
    office = opened(rule("tilt", [], parent="uplink"), rule("uplink", []))
    office.parents["uplink"] = [("gateway", PENDING, True)]
    await office.fires("tilt", severity="yellow")
    await office.pass_(14)
    assert office.anything() == []
    await office.pass_(3)
    assert office.said() == ["yellow: tilt, 7号屋"]


async def test_11_resolved_is_never_the_first_news(opened: Opening) -> None:
    office = opened()
    for channel in office.channels.values():
        channel.then = Retry("no line")
    await office.fires("tilt")
    await office.pass_(10)
    await office.ends("tilt")
    for channel in office.channels.values():
        channel.then = "delivered"
        channel.heard.clear()
    await office.pass_(10)
    assert office.said() == ["Came and went while nobody could be told. red: tilt, 7号屋"]
    assert all("Over" not in line and "已解除" not in line for line in office.anything())


async def test_12_a_line_that_is_down_for_seconds_loses_nothing(opened: Opening) -> None:
    office = opened()
    office.channels["chat"].script = [Retry("no line")]
    await office.fires("tilt")
    await office.pass_(1, step=0.1)
    assert [one.text.startswith("Since") for one in office.channels["chat"].heard] == [True, True]


async def test_13_an_acknowledgement_takes_back_the_sms_that_was_to_follow(opened: Opening) -> None:
    office = opened()
    office.channels["chat"].then = "accepted"
    await office.fires("tilt")
    await office.pass_(1)
    await office.write(office.desk.acknowledge("tilt", "house-7", "wang", office.clock.now()))
    office.restart()
    await office.pass_(30)
    assert office.said("sms") == []
    assert office.said("voice") == []


async def test_15_two_hours_of_samples_at_once_are_one_message_with_the_time_it_happened(
    opened: Opening,
) -> None:
    office = opened()
    await office.change("tilt", "house-7", FIRING, "red", at=office.clock.now() - timedelta(hours=2))
    await office.pass_(1)
    (told,) = office.channels["chat"].heard
    assert told.text.startswith("Since 07-18 10:00.")


async def test_nightingale_1131_a_restart_tells_nothing_of_what_is_masked(opened: Opening) -> None:
    office = opened()
    now = office.clock.now()
    await office.write(
        office.desk.shelve("tilt", "house-7", now + timedelta(hours=8), "He", "works", now=now)
    )
    await office.fires("tilt")
    await office.pass_(2)
    office.restart()
    await office.pass_(2)
    assert office.anything() == []
    (mask,) = office.desk.masks_of("tilt", "house-7", office.clock.now())
    assert (mask["kind"], mask["by"], mask["why"]) == ("shelved", "He", "works")


async def test_nightingale_2655_a_rule_that_has_left_the_site_is_closed_in_silence(opened: Opening) -> None:
    office = opened()
    await office.fires("tilt")
    await office.pass_(1)
    office.anything()
    office.rules = (rule("river", []),)
    office.restart()
    await office.ends("tilt")
    await office.pass_(30)
    assert office.anything() == []


async def test_nightingale_3000_a_severity_that_falls_is_not_a_recovery(opened: Opening) -> None:
    office = opened()
    await office.fires("tilt", severity="red")
    await office.pass_(1)
    office.said()
    await office.write(office.desk.acknowledge("tilt", "house-7", "wang", office.clock.now()))
    await office.change("tilt", "house-7", FIRING, "yellow")
    await office.pass_(60)
    assert office.anything() == []


async def test_octopi_606_a_clock_that_steps_by_a_day_fires_and_ends_nothing(opened: Opening) -> None:
    office = opened()
    now = office.clock.now()
    await office.write(
        office.desk.shelve("tilt", "house-7", now + timedelta(hours=8), "He", "works", now=now)
    )
    await office.fires("tilt")
    await office.fires("river")
    await office.pass_(1)
    office.anything()
    for days in (1, -1):
        office.clock.set_wall(office.clock.now() + timedelta(days=days))
        await office.tick()
        await office.tick()
        assert office.anything() == []
    await office.pass_(2.5, step=0.5)
    assert office.said("sms") == ["无人响应,请处理。红色告警:river,7号屋"]
    assert office.desk.masks_of("tilt", "house-7", office.clock.now())


async def test_octopi_606_a_box_that_starts_in_the_past_ends_no_mask_when_its_clock_is_set(
    opened: Opening,
) -> None:
    office = opened()
    now = office.clock.now()
    await office.write(
        office.desk.shelve("tilt", "house-7", now + timedelta(hours=8), "He", "works", now=now)
    )
    await office.fires("tilt")
    await office.fires("river")
    await office.pass_(2)
    office.anything()
    office.close()
    office.clock.set_wall(now - timedelta(days=2000))
    office.clock.is_trusted = False
    office.open()
    await office.pass_(20)
    assert not any("tilt" in line for line in office.anything())
    office.clock.set_wall(now + timedelta(hours=1))
    await office.tick()
    office.clock.is_trusted = True
    assert not any("tilt" in line for line in office.anything())
    await office.pass_(6 * 60 + 50, step=10)
    assert not any("tilt" in line for line in office.anything())
    await office.pass_(15)
    assert "red: tilt, 7号屋" in office.said()


async def test_goalert_4188_a_limit_that_makes_a_message_wait_is_visible_with_its_reason(
    tmp_path: Path,
) -> None:
    from gateway.notify.limits import SMS, Pacing  # noqa: PLC0415

    office = Office(tmp_path, *(rule(f"rule-{number}", []) for number in range(4)))
    office.channels["chat"].pacing = Pacing(SMS)  # type: ignore[attr-defined]
    office.restart()
    for number in range(4):
        await office.fires(f"rule-{number}")
    office.work()
    assert office.said() == ["red: rule-0, 7号屋"]
    told, _ = office.journal.told("rule-1", "house-7")
    waits = [one["why"] for one in told if one["channel"] == "chat"]
    assert waits == [
        "this number has had 1 in the last 1 min (limit 1 in 1 min); the next one may go in 1 min"
    ]
    office.restart()  # what went out is counted on the disk
    office.work()
    assert office.said() == []
    await office.pass_(1)
    assert office.said() == ["3 matters, the worst red"]
    office.close()


async def test_latched_goes_on_calling_until_a_person_has_looked(opened: Opening) -> None:
    office = opened()
    await office.fires("tilt")
    await office.pass_(1)
    await office.change("tilt", "house-7", LATCHED, "red")
    await office.pass_(5)
    assert office.said() == [
        "red: tilt, 7号屋",
        "Back to normal, a person must look: tilt, 7号屋",
        "Still, and nobody has answered. red: tilt, 7号屋",
    ]
    assert office.said("sms")[0].startswith("无人响应")
