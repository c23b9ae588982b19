from __future__ import annotations

import pytest

from gateway.model import Notice
from gateway.notify.phones import e164, masked, national
from gateway.notify.templates import Template, fill, template_of


@pytest.mark.parametrize(
    "written", ["13912345678", "+86 139 1234 5678", "0086-139-1234-5678", "8613912345678", "(+86)13912345678"]
)
def test_a_mobile_number_may_be_written_in_many_ways(written):
    assert national(written) == "13912345678"
    assert e164(written) == "+8613912345678"


@pytest.mark.parametrize(
    "written", ["", "12345678901", "1391234567", "139123456789", "abc", "+8512345678901234567"]
)
def test_what_is_no_number_is_refused_without_being_shown(written):
    with pytest.raises(ValueError, match="no telephone number") as caught:
        e164(written)
    assert written not in str(caught.value) or len(written) < 7


def test_a_fixed_line_can_be_called_but_gets_no_sms():
    assert national("0571-88776655", landline=True) == "057188776655"
    assert national("+86 571 8877 6655", landline=True) == "057188776655"
    assert e164("+86 571 8877 6655", landline=True) == "+8657188776655"
    assert e164("0571-88776655", landline=True) == "+8657188776655"
    with pytest.raises(ValueError, match="eleven digits"):
        national("0571-88776655")


def test_foreign_numbers_keep_their_country():
    assert e164("+44 20 7946 0000") == "+442079460000"


def test_a_number_in_any_text_is_hidden_in_its_middle():
    assert masked("13912345678invalid mobile number") == "139****78invalid mobile number"
    assert masked("code 4321") == "code 4321"


def notice(**given) -> Notice:
    return Notice("n1", "13912345678", "满", "垃圾桶满了", template="bin_full", variables=given)


BIN = Template.model_validate(
    {
        "code": "SMS_1",
        "variables": {"place": {"most": 6}, "level": {"kind": "number"}, "code": {"kind": "code"}},
    }
)


def test_variables_come_in_the_order_of_the_template():
    filled = fill(BIN, notice(code="4711", level="91", place="村口东"), most=35)
    assert list(filled.items()) == [("place", "村口东"), ("level", "91"), ("code", "4711")]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "empty"),
        ("一二三四五六七", "7 characters; at most 6"),
        ("10m²", "平方米"),
        ("①号", "refused"),
        ("东→西", "refused"),
        ("★", "refused"),
        ("a\nb", "line end"),
        ("🔥", "refused"),
    ],
)
def test_what_a_provider_refuses_is_refused_here_in_words(value, words):
    with pytest.raises(ValueError, match="variable 'place'") as caught:
        fill(BIN, notice(place=value, level="1", code="1"), most=35)
    assert words in str(caught.value)


@pytest.mark.parametrize("value", ["http://a.cn/x", "www.a.cn", "看 a-b.com", "打13912345678"])
def test_links_and_mobile_numbers_do_not_stand_in_a_variable(value):
    wide = Template.model_validate({"code": "1", "variables": {"place": {}}})
    with pytest.raises(ValueError, match="refused"):
        fill(wide, notice(place=value), most=35)


def test_every_fault_is_named_not_only_the_first():
    with pytest.raises(ValueError, match=r"'place'.*'level'.*'code'"):
        fill(BIN, notice(level="high", code="有"), most=35)


def test_a_kind_of_message_without_a_template_takes_the_default_or_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"'bin_full'; there are: river"):
        template_of({"river": BIN}, notice())
    assert template_of({"river": BIN, "default": BIN}, notice()) is BIN


def test_subject_and_text_may_be_variables():
    plain = Template.model_validate({"code": "1", "variables": {"subject": {}, "text": {}}})
    assert fill(plain, notice(), most=35) == {"subject": "满", "text": "垃圾桶满了"}
    assert fill(plain, notice(text=""), most=35)["text"] == "垃圾桶满了"
    assert fill(plain, notice(text="三号桶"), most=35)["text"] == "三号桶"
