"""Late data, batches, restarts, clocks that step: what users of other systems suffered from (alerting reference 3)."""

from __future__ import annotations

from datetime import timedelta

from gateway.model import Event, Flag, Reading
from gateway.rules.telling import event_of, net
from tests.unit.rules.told import Teller

FILL = "when: {fill: {above: 80 %, clear_below: 60 %}}\n"
ON, OFF, PENDING = "firing yellow", "normal", "pending yellow"


def test_missing_data_never_resolves():
    """Pitfalls 1 and 2: the link drops, 'resolved' is sent, then 'firing' again."""
    told = Teller(FILL + "keep: 10 min")
    told.read(0, "fill", 90)
    for minute in range(10, 600, 10):
        assert told.missing(minute, "fill") == ON
        told.tick(minute + 5)
    told.pass_until(600, 3000)
    assert told.state() == ON
    assert [one for one in told.told() if one.startswith("firing>")] == []


def test_a_dead_gauge_does_not_end_the_rain():
    told = Teller("when: {rain: {sum_over: 3 h, above: 50 mm}}")
    for minute in range(0, 60, 10):
        told.read(minute, "rain", 10)
    assert told.state() == ON
    assert told.pass_until(60, 24 * 60) == ON


def test_a_restart_while_firing_stays_firing_and_tells_nobody():
    """Pitfall 3: after a restart a firing alert goes back to pending."""
    told = Teller(FILL + "for: 10 min")
    told.read(0, "fill", 90)
    told.read(10, "fill", 90)
    told.restart()
    assert told.state() == ON
    told.tick(11)
    assert told.read(20, "fill", 90) == ON
    assert told.told() == ["pending>firing yellow"]


def test_a_timer_survives_a_restart_and_the_first_reading_confirms_it():
    """Pitfall 4: the timer of 'for' dies with the process."""
    told = Teller(FILL + "for: 30 min")
    told.read(0, "fill", 90)
    told.restart()
    assert told.pass_until(20, 60) == PENDING, "nothing is told before a reading says that it is still so"
    assert told.read(61, "fill", 90) == ON


def test_a_timer_that_a_reading_denies_after_a_restart_is_over():
    told = Teller(FILL + "for: 30 min")
    told.read(0, "fill", 90)
    told.restart()
    assert told.read(40, "fill", 50) == OFF
    assert told.told() == []


def test_keep_survives_a_restart():
    """Pitfall 3: keep_firing_for forgotten, false resolve."""
    told = Teller(FILL + "keep: 60 min")
    told.read(0, "fill", 90)
    told.read(10, "fill", 50)
    told.restart()
    assert told.read(30, "fill", 50) == "recovering yellow"
    assert told.read(70, "fill", 50) == OFF


def test_a_device_that_is_unavailable_for_a_moment_does_not_unconfirm_anything():
    """Pitfall 5."""
    told = Teller(FILL + "latch: true")
    told.read(0, "fill", 90)
    told.event(1, "alert_confirmed", rule="it", target="d")
    told.missing(5, "fill")
    told.read(10, "fill", 90)
    assert told.read(20, "fill", 10) == OFF


def test_what_is_true_at_the_start_fires():
    """Pitfall 5: the level counts, not the edge."""
    told = Teller(FILL)
    told.book.learn([told.reading(-10, "fill", 90)])
    assert told.state() == OFF, "starting tells nobody"
    assert told.read(0, "fill", 90) == ON


def test_no_data_is_counted_from_the_start_at_the_earliest():
    """Pitfall 7: an upgrade gives no-data alarms for everybody."""
    told = Teller("when: {fill: {missing_for: 2 h}}")
    told.book.learn([told.reading(-9999, "fill", 20)])
    told.tick(0)
    assert told.pass_until(0, 119) == OFF
    assert told.pass_until(119, 120) == ON
    assert told.read(130, "fill", 20) == OFF


def test_a_late_reading_is_judged_once_at_the_newest_time():
    told = Teller("when: {rain: {sum_over: 1 h, above: 50 mm}}")
    told.read(0, "rain", 0)
    told.read(50, "rain", 30)
    assert told.read(20, "rain", 30, received=51) == ON
    assert told.changes[-1].at == told.at(50), "history is not rewritten"


def test_an_old_value_that_comes_late_moves_no_plain_limit():
    told = Teller(FILL)
    told.read(60, "fill", 20)
    assert told.read(0, "fill", 95, received=61) == OFF


def test_two_hours_at_once_are_told_as_one_net_change():
    """Pitfall 15: many mails, wrong order."""
    told = Teller("when: {fill: {above: 80 %}}")
    batch = [
        told.reading(minute, "fill", 90 if minute // 10 % 2 == 0 else 10, received=130)
        for minute in range(0, 121, 10)
    ]
    changes = told.book.step(reversed(batch))
    assert len(changes) == 13
    ((change, crossings),) = net(changes)
    assert (change.before, change.after, change.at) == ("normal", "firing", told.at(120))
    assert crossings == 13
    event = event_of(change, told.at(130), crossings)
    assert event.detail["to"] == "firing"
    assert event.detail["crossings"] == 13


def test_a_batch_is_judged_by_its_own_times_not_by_the_clock():
    told = Teller(FILL + "for: 30 min")
    batch = [told.reading(0, "fill", 90, received=120), told.reading(10, "fill", 20, received=120)]
    assert told.book.step(batch)[-1].after == "normal"
    assert told.tick(121) == OFF


def test_a_step_of_the_clock_by_a_day_fires_nothing():
    for step in (24 * 60, -24 * 60):
        told = Teller(
            FILL + "for: 30 min", "id: silent\nwhen: {fill: {missing_for: 2 h}}".replace("id: silent\n", "")
        )
        told = Teller(FILL + "for: 30 min")
        told.read(1500, "fill", 90)
        told.tick(1501)
        assert told.tick(1501 + step) == PENDING
        assert told.read(1502 + step, "fill", 90) == PENDING
        told.pass_until(1502 + step, 1520 + step)
        assert told.state() == PENDING
        told.pass_until(1520 + step, 1535 + step)
        assert told.state() == ON, "the half hour goes on where it stood"


def test_a_step_of_the_clock_makes_nobody_blind():
    told = Teller("when: {fill: {missing_for: 2 h}}")
    told.read(0, "fill", 50)
    told.tick(1)
    told.tick(1 + 24 * 60)
    assert told.state() == OFF
    assert told.book.alerts() == []


def test_a_severity_is_compared_as_a_number_not_as_a_text():
    """Keep PR 5100: 'high' < 'info'."""
    told = Teller(
        "steps:\n- {severity: info, when: {fill: {above: 10 %}}}\n- {severity: orange, when: {fill: {above: 20 %}}}"
    )
    assert told.read(0, "fill", 30) == "firing orange"


def test_an_event_has_a_way_to_end():
    """Pitfall 15: a camera's alarm has no end."""
    told = Teller("when: {event: {is: fire}}\nends_after: 10 min")
    assert told.event(0, "fire") == ON
    assert told.pass_until(0, 9) == ON
    assert told.pass_until(9, 10) == OFF


def test_a_rule_begins_when_its_time_begins():
    """Pitfall 15: with a schedule and a duration the rule does not start when the window opens."""
    told = Teller("when: {all: [{contact: {is: 0}}, {time: {between: [22:00, 06:00]}}]}\nfor: 10 min")
    told.read(0, "contact", 0)  # 08:00 in the village
    for minute in range(5, 14 * 60, 5):
        assert told.tick(minute) == OFF
    assert told.pass_until(14 * 60 - 1, 14 * 60) == PENDING  # 22:00
    assert told.pass_until(14 * 60, 14 * 60 + 10) == ON


def test_what_was_told_after_the_memory_was_written_stays_told():
    """The power goes between the event in the journal and the next bookmark."""
    told = Teller(FILL)
    memory = told.book.memory()
    told.read(0, "fill", 90)
    event = event_of(told.changes[-1], told.at(0))
    told.book = told.fresh()
    told.book.restore(memory)
    told.book.adopt(event)
    assert told.state() == ON
    told.read(10, "fill", 91)
    assert told.told() == ["normal>firing yellow"]


def test_a_memory_written_by_somebody_else_is_left_aside():
    told = Teller(FILL)
    assert told.book.restore({"instances": {"it d": {"state": "odd"}, "it": 3}, "blind": {}}) == []
    assert told.read(0, "fill", 90) == ON


class TestBlindness:
    def told(self) -> Teller:
        told = Teller("when: {do: {below: 5 mg/L}}", period_min=10)
        told.read(0, "do", 8)
        return told

    def blind(self, told: Teller):
        return [one for one in told.book.alerts() if one["rule"] == "blind"]

    def test_nothing_usable_for_two_hours_is_said_once(self):
        told = self.told()
        for minute in range(10, 200, 10):
            told.read(minute, "do", 8, Flag.SUSPECT, "stuck")
            told.tick(minute + 1)
        assert [(one.rule, one.target, one.after) for one in told.changes] == [("blind", "d:do", "firing")]
        assert self.blind(told)[0]["reason"] == "no usable do"

    def test_a_usable_reading_ends_it(self):
        told = self.told()
        told.pass_until(0, 130)
        assert self.blind(told)
        told.read(131, "do", 8)
        assert self.blind(told) == []
        assert told.changes[-1].reason == "do is usable again"

    def test_a_device_that_is_known_to_be_away_is_not_called_blind(self):
        told = self.told()
        told.read(1, "online", 0)
        told.pass_until(1, 300)
        assert self.blind(told) == []

    def test_it_outlives_a_restart_without_being_said_again(self):
        told = self.told()
        told.pass_until(0, 130)
        said = len(told.changes)
        told.restart()
        told.pass_until(131, 400)
        assert len(told.changes) == said

    def test_no_data_may_mean_an_alarm(self):
        told = Teller("when: {do: {below: 5 mg/L}}\nno_data: alarm")
        told.read(0, "do", 8)
        assert told.pass_until(0, 119) == OFF
        assert told.pass_until(119, 120) == ON
        assert told.read(121, "do", 8) == OFF

    def test_no_data_may_mean_normal(self):
        told = Teller("when: {do: {below: 5 mg/L}}\nno_data: normal")
        told.read(0, "do", 3)
        assert told.pass_until(0, 120) == OFF


def test_a_future_reading_is_judged_at_its_arrival():
    told = Teller(FILL)
    told.read(0, "fill", 20)
    told.changes += told.book.step([Reading("d/fill", 90.0, told.at(9999), told.at(10), Flag.GOOD)])
    assert told.changes[-1].at == told.at(10)
    assert told.read(20, "fill", 10) == OFF


def test_an_event_of_the_future_ends_all_the_same():
    told = Teller("when: {event: {is: fire}}\nends_after: 10 min")
    told.tick(0)
    told.changes += told.book.step([Event("d", "fire", told.at(9999), told.at(0) + timedelta(seconds=1))])
    assert told.pass_until(0, 11) == OFF
