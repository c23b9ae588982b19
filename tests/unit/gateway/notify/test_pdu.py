"""Vectors: the examples of the widely printed "SMS messages and the PDU format" page, and 3GPP TS 23.038/23.040."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.notify import pdu


def test_the_printed_example_of_a_message_out():
    line = pdu.submit("+46708251358", "hellohello", reference=0, report=False)[0]
    assert line.digits == "0011000B916407281553F80000A70AE8329BFD4697D9EC37"
    assert line.length == 23


def test_the_printed_example_of_a_message_in():
    found = pdu.read("07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37")
    assert isinstance(found, pdu.Incoming)
    assert (found.number, found.text) == ("27838890001", "hellohello")
    assert found.at == datetime(2099, 3, 29, 13, 16, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "octets"),
    [("hellohello", "E8329BFD4697D9EC37"), ("How are you?", "C8F71D14969741F977FD07"), ("1", "31")],
)
def test_seven_bits_are_packed_as_printed(text, octets):
    assert pdu.pack(pdu.septets_of(text)).hex().upper() == octets
    assert pdu.text_of(pdu.unpack(bytes.fromhex(octets), len(text))) == text


def test_chinese_goes_as_ucs_2():
    line = pdu.submit("+8613912345678", "满了", reference=0, report=True)[0]
    assert line.digits == "0031000D91683119325476F80008A7046EE14E86"
    assert line.length == 19


def test_a_reply_in_chinese_comes_in():
    found = pdu.read("0891683108200505F0040D91683119325476F80008627081217393230465364E86")
    assert isinstance(found, pdu.Incoming)
    assert (found.number, found.text) == ("+8613912345678", "收了")
    assert found.at == datetime(2026, 7, 18, 4, 37, 39, tzinfo=UTC)


def test_a_report_says_which_message_and_what_became_of_it():
    found = pdu.read("0006170D91683119325476F8627081210300236270812103102300")
    assert found == pdu.Report(0x17, "+8613912345678", 0)


def test_a_sender_may_be_a_name():
    name = pdu.pack(pdu.septets_of("Village"))
    line = "00" + "04" + f"{len(name) * 2:02X}" + "D0" + name.hex() + "0000" + "62708121739323" + "0131"
    found = pdu.read(line)
    assert isinstance(found, pdu.Incoming)
    assert (found.number.rstrip("@"), found.text) == ("Village", "1")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("水" * 70, 1),
        ("水" * 71, 2),
        ("水" * 134, 2),
        ("水" * 135, 3),
        ("🔥" * 35, 1),
        ("🔥" * 36, 2),
        ("", 1),
    ],
)
def test_a_text_takes_as_many_messages_as_the_standard_says(text, parts):
    assert len(pdu.parts_of(text)) == parts
    assert "".join(pdu.parts_of(text)) == text


def _back(line: pdu.Submit) -> pdu.Incoming:
    """Our SUBMIT as the DELIVER that the other telephone would get."""
    data = bytes.fromhex(line.digits)[1:]
    assert len(data) == line.length
    address = data[2 : 4 + (data[2] + 1) // 2]
    rest = data[2 + len(address) :]
    flags = data[0] & 0x40
    deliver = bytes((0, flags)) + address + rest[:2] + bytes.fromhex("62708121739323") + rest[3:]
    found = pdu.read(deliver.hex())
    assert isinstance(found, pdu.Incoming)
    return found


_TEXTS = st.text(st.sampled_from("abcXYZ 0189@£€[]{}\\~^|Ωä\n")) | st.text(
    st.characters(exclude_categories=["Cs"])
)


@given(_TEXTS.map(lambda text: (text * 5)[:700]))
def test_every_text_comes_back_as_it_went_out(text):
    lines = pdu.submit("+8613912345678", text, reference=200, report=True)
    found = [_back(line) for line in lines]
    assert "".join(part.text for part in found) == text
    assert [part.number for part in found] == ["+8613912345678"] * len(found)
    if len(found) > 1:
        assert [(part.reference, part.total, part.part) for part in found] == [
            (200, len(found), position) for position in range(1, len(found) + 1)
        ]
    assert all(line.length <= 155 + 9 for line in lines)


def test_long_references_are_read_too():
    header = "06080412340201"
    line = "0044" + "0D91683119325476F8" + "0008" + "62708121739323" + "09" + header + "6EE1"
    found = pdu.read(line)
    assert isinstance(found, pdu.Incoming)
    assert (found.reference, found.total, found.part, found.text) == (0x1234, 2, 1, "满")


@given(st.binary(max_size=60))
def test_noise_is_read_or_refused_and_nothing_else(noise):
    with contextlib.suppress(ValueError):
        assert isinstance(pdu.read(noise.hex()), pdu.Incoming | pdu.Report)


@given(st.text(max_size=300), st.integers(1, 3))
def test_a_shortened_text_fits_and_says_so(text, parts):
    short = pdu.shortened(text, parts)
    assert len(pdu.parts_of(short)) <= parts
    assert short == text or text.startswith(short.removesuffix("…").removesuffix("..."))


def test_more_than_255_parts_and_addresses_that_are_none_are_refused():
    with pytest.raises(ValueError, match="at most 255"):
        pdu.submit("+8613912345678", "水" * 67 * 256, reference=0, report=False)
    with pytest.raises(ValueError, match="digits"):
        pdu.submit("+", "x", reference=0, report=False)
