"""Register words to fields: every width, order and sentinel; a wrong number is never produced."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.decode.frames import Request, find_rtu, with_crc
from drivers.decode.registers import ordered, sample_of, sample_of_reply, value_of, wanted_fields
from gateway.catalogue import Register
from gateway.errors import BadReply
from gateway.files import config_root
from gateway.quantities import Quantities
from gateway.site import load_catalogue, load_quantities
from tests.modbus import model


def register(**says: object) -> Register:
    return Register.model_validate({"address": 0, **says})


ORDERS = {"ABCD": "abcdefgh", "CDAB": "ghefcdab", "BADC": "badcfehg", "DCBA": "hgfedcba"}


@pytest.mark.parametrize(("order", "on_the_wire"), ORDERS.items())
def test_four_orders_of_64_bits(order: str, on_the_wire: str) -> None:
    words = [int.from_bytes(on_the_wire[at : at + 2].encode(), "big") for at in range(0, 8, 2)]
    assert ordered(words, order) == b"abcdefgh"


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("ABCD", (0x41AB, 0xAE14)),
        ("CDAB", (0xAE14, 0x41AB)),
        ("BADC", (0xAB41, 0x14AE)),
        ("DCBA", (0x14AE, 0xAB41)),
    ],
)
def test_a_float_in_four_orders_is_the_shortest_decimal_that_is_it(
    order: str, words: tuple[int, ...]
) -> None:
    assert value_of(register(type="float32"), words, order) == (21.46, "")


@pytest.mark.parametrize(
    ("says", "words", "value"),
    [
        ({"type": "int16"}, (0xFFFF,), -1),
        ({"type": "uint16", "scale": 0.1}, (6,), 0.6),
        ({"type": "int16", "scale": 0.1, "offset": -40}, (0,), -40),
        ({"type": "uint32"}, (0x0001, 0x0002), 65538),
        ({"type": "int32"}, (0xFFFF, 0xFFFE), -2),
        ({"type": "uint64"}, (0, 0, 1, 0), 65536),
        ({"type": "int64"}, (0xFFFF,) * 4, -1),
        ({"type": "float64"}, struct.unpack(">4H", struct.pack(">d", 0.1)), 0.1),
        ({"type": "bcd16"}, (0x1234,), 1234),
        ({"type": "bcd32", "scale": 0.01}, (0x0012, 0x3456), 1234.56),
        ({"type": "bit", "bit": 3}, (0b1000,), 1),
        ({"type": "bit", "bit": 2}, (0b1000,), 0),
        ({"type": "bit", "function": 1}, (1,), 1),
        ({"type": "uint16", "order": "BADC"}, (0x0300,), 3),
        ({"type": "string", "count": 2}, (0x4142, 0x4300), "ABC"),
        ({"type": "string", "count": 2, "order": "BADC"}, (0x4241, 0x0043), "ABC"),
    ],
)
def test_a_value_of_each_type(says: dict[str, object], words: tuple[int, ...], value: float | str) -> None:
    assert value_of(register(**says), words) == (value, "")


def test_the_models_order_leaves_a_single_register_alone() -> None:
    assert value_of(register(), (0x0102,), "DCBA") == (0x0102, "")


@pytest.mark.parametrize(
    ("says", "words", "why"),
    [
        ({"type": "float32"}, (0x7FC0, 0), "not_a_number"),
        ({"type": "float32"}, (0xFF80, 0), "not_a_number"),
        ({"type": "float64"}, (0x7FF0, 0, 0, 0), "not_a_number"),
        ({"type": "bcd16"}, (0x12A4,), "not_bcd"),
        ({"type": "int16", "missing": {"0x8000": "unsupported"}}, (0x8000,), "unsupported"),
        ({"type": "uint16", "missing": {65535: "read_failure"}}, (0xFFFF,), "read_failure"),
        ({"type": "int16", "missing": {-1: "no_probe"}}, (0xFFFF,), "no_probe"),
        ({"type": "string", "count": 2}, (0, 0), "empty"),
        ({"type": "float32"}, (0x41AB,), "short_reply"),
    ],
)
def test_no_value_is_said_with_its_reason(says: dict[str, object], words: tuple[int, ...], why: str) -> None:
    assert value_of(register(**says), words) == (None, why)


@given(
    st.sampled_from(["uint16", "int16", "uint32", "int32", "uint64", "int64"]),
    st.sampled_from(list(ORDERS)),
    st.data(),
)
def test_whole_numbers_survive_the_way_there_and_back(kind: str, order: str, data: st.DataObject) -> None:
    code = {"16": "h", "32": "i", "64": "q"}[kind[-2:]]
    code = code.upper() if kind[0] == "u" else code
    bits = int(kind[-2:])
    low = 0 if kind[0] == "u" else -(2 ** (bits - 1))
    number = data.draw(st.integers(low, low + 2**bits - 1))
    packed = struct.pack(f">{code}", number)
    words = [int.from_bytes(packed[at : at + 2], "big") for at in range(0, len(packed), 2)]
    if order in {"CDAB", "DCBA"}:
        words.reverse()
    if order in {"BADC", "DCBA"}:
        words = [int.from_bytes(word.to_bytes(2, "little"), "big") for word in words]
    assert value_of(register(type=kind, order=order), words) == (float(number), "")


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_is_told_without_losing_a_bit(number: float) -> None:
    words = struct.unpack(">2H", struct.pack(">f", number))
    value, _ = value_of(register(type="float32"), words)
    assert struct.pack(">f", value) == struct.pack(">f", number)


DECIMALS = model(
    registers={"ph": {"address": 0, "decimals_from": "places"}, "places": {"address": 1}}, readings={"ph": {}}
)


def test_a_second_register_may_hold_the_decimals() -> None:
    assert wanted_fields(DECIMALS) == {"ph", "places"}
    assert sample_of(DECIMALS, {"ph": (721,), "places": (0xAB02,)}).fields["ph"] == 7.21


@pytest.mark.parametrize(
    ("places", "why"), [((200,), "bad_decimals"), ("no_reply", "no_reply"), (None, "no_decimals")]
)
def test_without_its_decimals_a_number_means_nothing(places: tuple[int, ...] | str | None, why: str) -> None:
    raw = {"ph": (721,)} | ({} if places is None else {"places": places})
    sample = sample_of(DECIMALS, raw)
    assert sample.fields["ph"] is None
    assert sample.missing["ph"] == why


def test_a_failed_request_is_missing_with_its_reason() -> None:
    sample = sample_of(model(), {"ph": "exception_2", "water_temp": (5,)})
    assert sample.fields == {"ph": None, "water_temp": 0.5}
    assert sample.missing == {"ph": "exception_2"}


def test_a_whole_reply_needs_its_request_only_when_there_are_several() -> None:
    reply = with_crc(bytes.fromhex("01030402c80064"))
    assert sample_of_reply(model(), reply).fields == {"ph": 7.12, "water_temp": 10.0}
    two = model(registers={"ph": {"address": 0}, "water_temp": {"address": 50}})
    with pytest.raises(BadReply, match="--request"):
        sample_of_reply(two, with_crc(bytes.fromhex("01030202c8")))
    asked = Request(1, 3, 50, 1).rtu
    assert sample_of_reply(two, with_crc(bytes.fromhex("01030202c8")), asked).fields == {"water_temp": 712}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("018302c0f1", "illegal data address"),
        ("0103", "checksum"),
        ("01030402c800640000", "checksum"),
    ],
)
def test_what_is_no_reply_is_refused_in_words(reply: str, said: str) -> None:
    with pytest.raises(BadReply, match=said):
        sample_of_reply(model(), bytes.fromhex(reply))


def test_a_request_of_nothing_listed_is_refused() -> None:
    with pytest.raises(BadReply, match="lists no register"):
        sample_of_reply(model(), with_crc(bytes.fromhex("01030202c8")), Request(1, 3, 900, 1).rtu)


def test_an_echo_prefixed_reply_is_decoded() -> None:
    probe = load_catalogue(load_quantities())["qdy30a"]
    asked = bytes.fromhex("010300040001c5cb")  # the reference's negative test
    reply = asked + with_crc(bytes.fromhex("01030204d2"))
    assert sample_of_reply(probe, reply, asked).fields == {"level": 1234}


def test_no_flipped_bit_of_any_catalogue_example_becomes_another_value(quantities: Quantities) -> None:
    """Every bit of every Modbus frame of the catalogue, one at a time (reference, appendix A, negative tests)."""
    tried = 0
    for probe in load_catalogue(quantities, (config_root() / "catalogue",)).values():
        for example in probe.examples if probe.wire == "modbus" else ():
            if not example.request or not example.hex:
                continue
            frame = bytes.fromhex(example.hex)
            asked = Request(
                frame[0], frame[1], int(example.request.replace(" ", "")[4:8], 16), (len(frame) - 5) // 2
            )
            for bit in range(8 * len(frame)):
                flipped = bytearray(frame)
                flipped[bit // 8] ^= 1 << bit % 8
                look = find_rtu(bytes(flipped), asked)
                assert look.frame is None or look.problem
                tried += 1
    assert tried > 4000
