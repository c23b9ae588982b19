from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.notify import limits
from gateway.notify.limits import Budget, in_words

TEL = "13900000000"


def test_the_second_sms_within_a_minute_waits_for_the_rest_of_it():
    budget = Budget(limits.SMS)
    assert budget.wait(TEL, 0.0) is None
    budget.note(TEL, 0.0)
    wait = budget.wait(TEL, 20.0)
    assert wait is not None
    assert wait.after == timedelta(seconds=40)
    assert "limit 1 in 1 min" in str(wait)
    assert "40 s" in str(wait)
    assert budget.wait(TEL, 60.0) is None


def test_another_telephone_is_not_counted():
    budget = Budget(limits.SMS)
    budget.note(TEL, 0.0)
    assert budget.wait("13800000000", 1.0) is None


@pytest.mark.parametrize(("rules", "share"), [(limits.SMS, (5, 11, 21)), (limits.VOICE, (3, 5, 15))])
def test_quarter_hour_hour_and_three_hours_each_have_their_share(rules, share):
    budget, now, sent = Budget(rules), 0.0, []
    while now < 3 * 3600:
        wait = budget.wait(TEL, now)
        if wait is None:
            budget.note(TEL, now)
            sent.append(now)
            now += 1
        else:
            assert wait.after > timedelta(0)
            now += wait.after.total_seconds()
    for span_s, most in zip((900, 3600, 10800), share, strict=True):
        assert max(sum(1 for at in sent if start <= at < start + span_s) for start in sent) == most


def test_what_cannot_wait_has_the_providers_own_limit():
    budget = Budget(limits.SMS, limits.ALIYUN_SMS)
    for second in range(49):
        budget.note(TEL, float(second))
    assert budget.wait(TEL, 49.0) is not None
    assert budget.wait(TEL, 49.0, urgent=True) is None
    budget.note(TEL, 49.0)
    wait = budget.wait(TEL, 50.0, urgent=True)
    assert wait is not None
    assert wait.sent == 50
    assert "24 h" in str(wait)


def test_telephones_that_heard_nothing_lately_are_forgotten():
    budget = Budget(limits.SMS)
    for number in range(100):
        budget.note(str(number), 0.0)
    budget.note(TEL, 10800.0)
    assert list(budget._sent) == [TEL]


@given(st.lists(st.floats(min_value=0.5, max_value=2000), max_size=80))
def test_no_limit_is_ever_passed_and_every_wait_suffices(pauses):
    budget, now, sent = Budget(limits.VOICE), 0.0, []
    for pause in pauses:
        now += pause
        wait = budget.wait(TEL, now)
        if wait is not None:
            now += wait.after.total_seconds() + 1e-6
            assert budget.wait(TEL, now) is None
        budget.note(TEL, now)
        sent.append(now)
        for limit in limits.VOICE:
            assert sum(1 for at in sent if now - at < limit.span.total_seconds()) <= limit.count


def test_spans_are_told_in_their_largest_whole_unit():
    assert [in_words(timedelta(seconds=s)) for s in (0.2, 45, 60, 90, 130, 900, 3600, 5400, 86400)] == [
        "1 s",
        "45 s",
        "1 min",
        "90 s",
        "3 min",
        "15 min",
        "1 h",
        "90 min",
        "24 h",
    ]
