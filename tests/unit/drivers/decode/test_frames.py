"""RTU and TCP frames: the one good reply is found, everything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.decode.frames import (
    Request,
    crc16,
    exception_words,
    find_rtu,
    find_tcp,
    request_of,
    with_crc,
    words_of,
)
from gateway.errors import BadReply

ASKED = Request(1, 3, 0x2600, 6)
REPLY = bytes.fromhex("01030c00009241b5a6793f3d0a0b41f0d7")  # Yosemitech Y504, 18.25 degC, 97.52 %, 8.69 mg/L


def tcp(transaction: int, body: bytes) -> bytes:
    return transaction.to_bytes(2, "big") + b"\0\0" + len(body).to_bytes(2, "big") + body


def test_the_checksum_is_that_of_the_standard() -> None:
    assert crc16(bytes.fromhex("010326000006")).to_bytes(2, "little").hex() == "ce80"


@pytest.mark.parametrize(
    ("request_", "frame"),
    [
        (Request(1, 3, 0x2600, 6), "010326000006ce80"),
        (Request(0x1E, 6, 1, 1, (3,)), "1e06000100039a64"),
        (Request(1, 16, 0x1C00, 1, ()), "01101c00000000d892"),  # a real start command of a Y520
        (Request(1, 5, 2, 1, (1,)), "01050002ff00" + "2dfa"),
        (Request(1, 3, 0x2500, None), "0103250000018f06"),
    ],
)
def test_a_request_is_what_the_manuals_print(request_: Request, frame: str) -> None:
    assert request_.rtu.hex() == frame


def test_a_good_reply_is_taken_as_it_is() -> None:
    look = find_rtu(REPLY, ASKED)
    assert (look.frame, look.problem, look.rest) == (REPLY, "", 0)
    assert words_of(REPLY[1:-2], ASKED) == (0x0000, 0x9241, 0xB5A6, 0x793F, 0x3D0A, 0x0B41)


@pytest.mark.parametrize("echo", [False, True])
def test_an_echo_in_front_of_the_reply_does_no_harm(echo: bool) -> None:
    assert find_rtu(ASKED.rtu + REPLY, ASKED, echo=echo).frame == REPLY


def test_the_echo_alone_is_no_answer() -> None:
    assert find_rtu(ASKED.rtu, ASKED).problem == "only_echo"
    order = Request(5, 6, 7, 1, (9,))
    assert find_rtu(order.rtu, order, echo=True).frame is None
    assert find_rtu(order.rtu * 2, order, echo=True).frame == order.rtu


def test_garbage_in_front_is_passed_over_and_behind_is_told() -> None:
    look = find_rtu(b"\x00\xff\x01\x03" + REPLY + b"\x55", ASKED)
    assert (look.frame, look.rest) == (REPLY, 1)


def test_half_a_reply_is_waited_for() -> None:
    for length in range(len(REPLY)):
        assert find_rtu(REPLY[:length], ASKED).frame is None


@pytest.mark.parametrize(
    ("heard", "problem"),
    [
        (with_crc(bytes.fromhex("018302")), "exception_2"),
        (with_crc(bytes.fromhex("01030400009241")), "short_reply"),
        (with_crc(bytes.fromhex("010310" + "00" * 16)), "long_reply"),
    ],
)
def test_a_wrong_answer_of_the_right_unit_ends_the_waiting(heard: bytes, problem: str) -> None:
    look = find_rtu(heard, ASKED)
    assert look.frame == heard
    assert look.problem == problem


@pytest.mark.parametrize(
    ("heard", "problem"),
    [
        (with_crc(bytes.fromhex("02030c" + "00" * 12)), "wrong_unit"),
        (with_crc(bytes.fromhex("01040c" + "00" * 12)), "wrong_function"),
        (REPLY[:-1] + b"\0", "bad_crc"),
        (b"\xff\xfe", "garbage"),
        (b"", ""),
    ],
)
def test_what_is_not_the_answer_is_named_and_waited_past(heard: bytes, problem: str) -> None:
    look = find_rtu(heard, ASKED)
    assert look.frame is None
    assert look.problem == problem


@given(st.integers(0, 8 * len(REPLY) - 1))
def test_one_flipped_bit_never_makes_a_value(bit: int) -> None:
    flipped = bytearray(REPLY)
    flipped[bit // 8] ^= 1 << bit % 8
    look = find_rtu(bytes(flipped), ASKED)
    assert look.frame is None or look.problem


@given(st.binary(max_size=300), st.integers(1, 247), st.sampled_from([1, 2, 3, 4, 5, 6, 16]))
def test_any_bytes_are_looked_at_without_complaint(heard: bytes, unit: int, function: int) -> None:
    request = Request(unit, function, 7, 3, (1, 2, 3) if function == 16 else (1,))
    for look in (find_rtu(heard, request), find_tcp(heard, request, 5)):
        if look.frame is not None:
            assert look.frame in heard


def test_tcp_takes_only_the_transaction_it_waits_for() -> None:
    body = REPLY[:-2]
    stale = tcp(4, b"\x01\x03\x0c" + b"\xaa" * 12)
    assert find_tcp(stale, ASKED, 5).problem == "stale"
    look = find_tcp(stale + tcp(5, body), ASKED, 5)
    assert (look.frame, look.problem) == (tcp(5, body), "")
    assert find_tcp(tcp(0, body), ASKED, 5).frame is None  # zero is not any


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("02030c" + "00" * 12, "wrong_unit"),
        ("01040c" + "00" * 12, "wrong_function"),
        ("010307" + "00" * 7, "short_reply"),  # measured: pymodbus 3.16.1 takes it for three registers
        ("01030a" + "00" * 10, "short_reply"),
        ("01030c" + "00" * 10, "wrong_length"),
        ("01030e" + "00" * 14, "long_reply"),
        ("01830b", "exception_11"),
        ("018302ff", "wrong_length"),
    ],
)
def test_a_wrong_tcp_answer_is_refused(body: str, problem: str) -> None:
    frame = tcp(5, bytes.fromhex(body))
    look = find_tcp(frame, ASKED, 5)
    assert (look.frame, look.problem) == (frame, problem)


@pytest.mark.parametrize("stream", ["0005000100060103", "0005000000020103", "00050000ffff010300"])
def test_a_tcp_stream_out_of_step_is_given_up(stream: str) -> None:
    assert find_tcp(bytes.fromhex(stream), ASKED, 5).broken


@pytest.mark.parametrize(("function", "address", "value"), [(5, 2, 1), (6, 2, 77)])
def test_a_write_is_acknowledged_only_by_its_own_words(function: int, address: int, value: int) -> None:
    order = Request(1, function, address, 1, (value,))
    assert find_rtu(order.rtu, order).problem == ""
    other = Request(1, function, address + 1, 1, (value,))
    assert find_rtu(other.rtu, order).problem == "wrong_acknowledgement"


def test_bits_come_least_significant_first() -> None:
    asked = Request(17, 1, 0x13, 19)  # Application Protocol V1.1b3, section 6.1, with fewer coils
    assert asked.data_bytes == 3
    assert words_of(bytes.fromhex("0103cd6b05"), asked)[:8] == (1, 0, 1, 1, 0, 0, 1, 1)
    assert len(words_of(bytes.fromhex("0103cd6b05"), asked)) == 19


def test_a_request_can_be_read_back_from_its_frame() -> None:
    assert request_of(ASKED.rtu) == ASKED
    with pytest.raises(BadReply, match="checksum"):
        request_of(ASKED.rtu[:-1] + b"\0")
    with pytest.raises(BadReply, match="function 1 to 4"):
        request_of(Request(1, 6, 0, 1, (1,)).rtu)


def test_exceptions_are_told_in_words() -> None:
    assert exception_words("exception_2") == "exception 2 (illegal data address)"
    assert exception_words("exception_99") == "exception 99 (unknown code)"
    assert exception_words("no_reply") == "no reply"
