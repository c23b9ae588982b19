"""The SIM modem channel against a modem of our own that speaks AT behind a pseudo-terminal."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Callable, Iterator

import pytest

from gateway.__main__ import main
from gateway.contracts import ChannelContext
from gateway.errors import Broken, Retry, Uncertain, Undeliverable
from gateway.model import Notice, Severity
from gateway.notify import pdu
from gateway.notify.channels import sim_modem

TEL = "13912345678"
SILENT = None


class FakeModem:
    """A modem: echoes, answers from a table, interrupts with lines nobody asked for."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(self.master)
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._slave = slave
        self.pin: str | None = None
        self.table: dict[str, str | None] = {}
        self.heard: list[str] = []
        self.bodies: list[str] = []
        self.taken: list[str | None] = []  # answers to the text of a message, in order; then OK
        self.noise = b""
        self.echo = True
        self.prompt = b"\r\n> "
        self.memory: dict[int, str] = {}
        self._text = False
        self._buffer = b""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self.master)
        os.close(self._slave)

    def say(self, *lines: str) -> None:
        os.write(self.master, b"".join(f"\r\n{line}\r\n".encode() for line in lines))

    def _run(self) -> None:
        while not self._stop.is_set():
            if select.select([self.master], [], [], 0.01)[0]:
                self._buffer += os.read(self.master, 4096)
                while self._step():
                    pass

    def _step(self) -> bool:
        if self._text:
            for mark in (b"\x1a", b"\x1b"):
                body, found, rest = self._buffer.partition(mark)
                if found:
                    self._text, self._buffer = False, rest
                    self._got_text(body.decode() if mark == b"\x1a" else None)
                    return True
            return False
        self._buffer = self._buffer.lstrip(b"\x1b")
        line, found, rest = self._buffer.partition(b"\r")
        if not found:
            return False
        self._buffer = rest
        if self.echo:
            os.write(self.master, line + b"\r")
        self._command(line.decode())
        return True

    def _got_text(self, body: str | None) -> None:
        if body is None:
            return
        self.bodies.append(body)
        os.write(self.master, self.noise)
        answer = self.taken.pop(0) if self.taken else "OK"
        if answer == "OK":
            self.say(f"+CMGS: {len(self.bodies)}", "OK")
        elif answer is not None:
            self.say(*answer.split("\n"))

    def _command(self, command: str) -> None:
        self.heard.append(command)
        os.write(self.master, self.noise)
        for start, answer in self.table.items():
            if command.startswith(start):
                if answer is not None:
                    self.say(*answer.split("\n"))
                return
        if command == "ATE0":
            self.echo = False
            self.say("OK")
        elif command == "AT+CPIN?":
            self.say("+CPIN: SIM PIN" if self.pin else "+CPIN: READY", "OK")
        elif command.startswith("AT+CPIN="):
            right = command == f'AT+CPIN="{self.pin}"'
            self.pin = None if right else self.pin
            self.say("OK" if right else "+CME ERROR: 16")
        elif command == "AT+CREG?":
            self.say("+CREG: 0,1", "OK")
        elif command == "AT+COPS?":
            self.say('+COPS: 0,0,"CHINA MOBILE",7', "OK")
        elif command == "AT+CSQ":
            self.say("+CSQ: 21,99", "OK")
        elif command.startswith("AT+CMGS="):
            self._text = True
            os.write(self.master, self.prompt)
        elif command == "AT+CMGL=4":
            lines = [
                text for place, digits in self.memory.items() for text in (f"+CMGL: {place},1,,24", digits)
            ]
            self.say(*lines, "OK")
        elif command.startswith("AT+CMGD="):
            self.memory.pop(int(command.partition("=")[2]))
            self.say("OK")
        else:
            self.say("OK")


@pytest.fixture
def modem() -> Iterator[FakeModem]:
    try:
        made = FakeModem()
    except OSError:
        pytest.skip("no pseudo-terminals here")
    yield made
    made.close()


Build = Callable[..., sim_modem.Channel]


@pytest.fixture
def build(modem, clock, tmp_path) -> Build:
    def made(**given):
        given = {"port": modem.port, "answer": "300ms", "send": "300ms", "register_within": "200ms", **given}
        context = ChannelContext("sim", "青山村", "zh", clock, tmp_path / "state")
        return sim_modem.Channel(sim_modem.Settings.model_validate(given), context)

    return made


def notice(text: str = "垃圾桶满了", severity: Severity = Severity.YELLOW, number: str = TEL) -> Notice:
    return Notice("n-1", number, "满", text, severity)


def test_an_sms_goes_out_as_a_pdu_and_says_who_took_it(modem, build):
    sent = build().deliver(notice())
    assert (sent.provider_id, sent.state) == ("1", "accepted")
    assert sent.words == "1 SMS taken by CHINA MOBILE, signal -71 dBm"
    expected = pdu.submit("+86" + TEL, "【青山村】垃圾桶满了", reference=1, report=False)[0]
    assert modem.bodies == [expected.digits]
    assert f"AT+CMGS={expected.length}" in modem.heard


def test_lines_nobody_asked_for_in_between_change_nothing(modem, build):
    modem.noise = b'\r\nRING\r\n\r\n+CMTI: "SM",3\r\n\r\n^RSSI:18\r\n\r\n+CREG: 1\r\n'
    modem.table["AT+CREG?"] = "+CREG: 0,5\nOK"
    assert build().deliver(notice()).provider_id == "1"


def test_a_long_message_goes_in_parts_and_a_longer_one_is_cut(modem, build):
    sent = build(parts=3).deliver(notice("水" * 500))
    assert sent.provider_id == "1,2,3"
    assert len(modem.bodies) == 3
    assert modem.bodies[2].endswith("2026")  # the ellipsis


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ("+CMS ERROR: 38", Retry, "out of order"),
        ("+CMS ERROR: 28", Undeliverable, "number is unknown"),
        ("+CMS ERROR: 21", Undeliverable, "no money"),
        ("+CMS ERROR: 330", Broken, "service centre"),
        ("+CMS ERROR: 9999", Retry, "said no"),
        ("ERROR", Retry, "said no"),
    ],
)
def test_the_networks_no_is_told_in_words(modem, build, answer, kind, words):
    modem.taken = [answer]
    with pytest.raises(kind, match=words) as caught:
        build().deliver(notice())
    assert type(caught.value) is kind
    assert TEL not in str(caught.value)


def test_a_modem_that_hangs_with_the_text_in_hand_is_uncertain(modem, build):
    modem.taken = [SILENT]
    with pytest.raises(Uncertain, match="silent"):
        build().deliver(notice())


def test_half_a_message_is_uncertain_not_failed(modem, build):
    modem.taken = ["OK", "+CMS ERROR: 42"]
    with pytest.raises(Uncertain, match="1 of 2 parts"):
        build().deliver(notice("水" * 100))


def test_a_modem_that_never_asks_for_the_text_is_a_retry_and_is_left_clean(modem, build):
    modem.prompt = b""
    channel = build()
    with pytest.raises(Retry, match="does not ask") as caught:
        channel.deliver(notice())
    assert type(caught.value) is Retry
    modem.prompt = b"\r\n> "
    assert channel.deliver(notice()).provider_id == "1"
    assert len(modem.bodies) == 1


def test_a_silent_modem_ends_the_wait(modem, build):
    modem.table["AT"] = SILENT
    with pytest.raises(Retry, match="silent"):
        build().deliver(notice())


def test_a_modem_waiting_for_a_text_from_a_life_before_is_woken(modem, build):
    modem._text = True
    assert build().deliver(notice()).provider_id == "1"
    assert len(modem.bodies) == 1


@pytest.mark.parametrize(
    ("state", "words"), [("0,2", "looking"), ("0,3", "refused"), ("0,0", "looks for none")]
)
def test_no_network_is_a_retry_with_the_reason(modem, build, state, words):
    modem.table["AT+CREG?"] = f"+CREG: {state}\nOK"
    with pytest.raises(Retry, match=words):
        build().deliver(notice())
    assert modem.bodies == []


def test_the_pin_comes_from_its_file_and_is_never_shown(modem, build, tmp_path):
    modem.pin = "4711"
    with pytest.raises(Broken, match="pin_file"):
        build().deliver(notice())
    file = tmp_path / "pin"
    file.write_text("4711\n")
    file.chmod(0o600)
    assert build(pin_file=str(file)).deliver(notice()).provider_id == "1"
    assert 'AT+CPIN="4711"' in modem.heard


def test_a_wrong_pin_is_tried_once_in_all_lives_and_a_new_one_again(modem, build, tmp_path):
    modem.pin = "4711"
    file = tmp_path / "pin"
    file.write_text("0000")
    file.chmod(0o600)
    with pytest.raises(Broken, match="refused its PIN") as caught:
        build(pin_file=str(file)).deliver(notice())
    assert "0000" not in str(caught.value)
    for _ in range(3):
        with pytest.raises(Broken, match="refused this PIN before"):
            build(pin_file=str(file)).deliver(notice())
    assert sum(line.startswith("AT+CPIN=") for line in modem.heard) == 1
    file.write_text("4711")
    assert build(pin_file=str(file)).deliver(notice()).provider_id == "1"


@pytest.mark.parametrize(("left", "tried"), [(3, True), (2, True), (1, False), (0, False)])
def test_the_last_try_of_the_pin_is_left_to_a_person(modem, build, tmp_path, left, tried):
    modem.pin = "4711"
    modem.table["AT+CPINR"] = f"+CPINR: SIM PIN,{left},3\n+CPINR: SIM PUK,10,10\nOK"
    file = tmp_path / "pin"
    file.write_text("4711")
    file.chmod(0o600)
    if tried:
        assert build(pin_file=str(file)).deliver(notice()).provider_id == "1"
    else:
        with pytest.raises(Broken, match="left"):
            build(pin_file=str(file)).deliver(notice())
    assert any(line.startswith("AT+CPIN=") for line in modem.heard) is tried


@pytest.mark.parametrize(
    ("answer", "words"), [("+CME ERROR: 10", "no SIM card"), ("+CPIN: SIM PUK\nOK", "asks for SIM PUK")]
)
def test_a_card_that_is_absent_or_locked_needs_a_person(modem, build, tmp_path, answer, words):
    file = tmp_path / "pin"
    file.write_text("4711")
    file.chmod(0o600)
    modem.table["AT+CPIN?"] = answer
    with pytest.raises(Broken, match=words):
        build(pin_file=str(file)).deliver(notice())
    assert not (tmp_path / "state" / "refused-pin").exists()


def report(status: int) -> str:
    return "0006" + "01" + "0D91683119325476F8" + "62708121030023" + "62708121031023" + f"{status:02X}"


@pytest.mark.parametrize(
    ("status", "expected"), [(0x00, "delivered"), (0x30, "accepted"), (0x41, Undeliverable), (0x62, Retry)]
)
def test_the_delivery_report_decides(modem, build, status, expected):
    modem.taken = [f"+CMGS: 1\nOK\n+CDS: 25\n{report(status)}"]
    channel = build(receipt_within="300ms")
    if isinstance(expected, str):
        assert channel.deliver(notice()).state == expected
    else:
        with pytest.raises(expected):
            channel.deliver(notice())
    assert any(line.startswith("AT+CNMI=") for line in modem.heard)


def test_a_modem_that_cannot_report_still_sends(modem, build):
    modem.table["AT+CNMI="] = "+CMS ERROR: 303"
    assert build(receipt_within="300ms").deliver(notice()).state == "accepted"


REPLY = "0891683108200505F0040D91683119325476F8000862708121739323"


def test_replies_are_read_until_they_are_taken(modem, build):
    modem.memory = {4: REPLY + "0465364E86", 7: "nothing that can be read", 9: REPLY + "020031"}
    channel = build()
    for _ in range(2):
        found = channel.replies()
        assert [(reply.number, reply.text, reply.places) for reply in found] == [
            ("+8613912345678", "收了", (4,)),
            ("+8613912345678", "1", (9,)),
        ]
    channel.forget(*found)
    assert channel.replies() == ()
    assert list(modem.memory) == [7]


def test_what_was_heard_is_forgotten_only_when_it_was_done(modem, build):
    modem.memory = {9: REPLY + "020031"}
    channel = build(listen="50ms")
    assert channel.listens
    assert not build(listen="0s").listens
    first, again = channel.hear(1), channel.hear(1)
    assert [(one.id, one.sender, one.text) for one in first] == [
        (one.id, one.sender, one.text) for one in again
    ]
    channel.taken(first)
    assert channel.hear(1) == []
    channel.close()
    assert channel.hear(1) == ()


def part(number: int, text: str) -> str:
    body = bytes((5, 0, 3, 7, 2, number)) + text.encode("utf-16-be")
    return REPLY.replace("F0040D", "F0440D") + f"{len(body):02X}" + body.hex()


def test_parts_wait_for_each_other_but_not_for_ever(modem, build, clock):
    modem.memory = {1: part(2, "好了")}
    channel = build()
    clock.set_wall(clock.now().replace(hour=5))
    assert channel.replies() == ()
    modem.memory[2] = part(1, "修")
    assert [(reply.text, sorted(reply.places)) for reply in channel.replies()] == [("修好了", [1, 2])]
    del modem.memory[2]
    clock.set_wall(clock.now().replace(day=20))
    assert [reply.text for reply in channel.replies()] == ["好了"]


def test_a_reply_that_arrives_while_others_are_listed_disturbs_nothing(modem, build):
    modem.memory = {4: REPLY + "0465364E86"}
    modem.noise = b'\r\n+CMTI: "SM",5\r\n\r\nRING\r\n'
    assert len(build().replies()) == 1


def test_a_red_alarm_also_rings(modem, build):
    sent = build(ring_from="red", ring_for="100ms").deliver(notice(severity=Severity.RED))
    assert f"ATD+86{TEL};" in modem.heard
    assert modem.heard[-1] == "ATH"
    assert "rang for 0.1 s" in sent.words


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"ATD": "OK\nBUSY"}, "busy"),
        ({"ATD": "NO CARRIER"}, "could not be called"),
        ({"AT+CLCC": "+CLCC: 1,0,0,0,0\nOK"}, "answered"),
        ({"AT+CLCC": "ERROR"}, "rang for"),
        ({"ATH": "ERROR"}, "rang for"),
    ],
)
def test_whatever_becomes_of_the_call_the_sms_is_out(modem, build, table, words):
    modem.table.update(table)
    sent = build(ring_from="yellow", ring_for="100ms").deliver(notice())
    assert sent.provider_id == "1"
    assert words in sent.words


def test_two_programs_do_not_share_a_modem(modem, build):
    first, second = build(), build()
    with first._modem(), pytest.raises(Retry, match="in use"):
        second.deliver(notice())


def test_a_port_that_is_not_there_is_a_retry(build):
    with pytest.raises(Retry, match="cannot be opened"):
        build(port="/dev/village-no-such-modem").deliver(notice())


def test_noise_without_end_is_no_answer(modem, build):
    modem.noise = b"\xff\x00" * 600
    modem.table["AT"] = SILENT
    with pytest.raises(Retry):
        build().deliver(notice())


def test_an_sms_a_minute_and_no_number_that_is_none(modem, build):
    channel = build()
    channel.deliver(notice())
    with pytest.raises(Retry, match="limit 1 in 1 min"):
        channel.deliver(notice())
    assert "telephone number" in channel.unfit(notice(number="abc"))
    assert "empty" in channel.unfit(Notice("n", TEL, " ", " "))
    channel.close()
    assert len(modem.bodies) == 1


def test_a_person_tries_it_with_village_notify(modem, tmp_path, capsys):
    (tmp_path / "village.yaml").write_text(
        "site: {slug: qingshan, name: 青山村, language: zh, timezone: Asia/Shanghai}\n"
        f"channels:\n  sim: {{type: sim_modem, port: {modem.port}}}\n",
        encoding="utf-8",
    )
    assert main(["notify", "test", str(tmp_path), "--channel", "sim", "--to", TEL]) == 0
    assert "CHINA MOBILE, signal -71 dBm" in capsys.readouterr().out
    assert len(modem.bodies) == 1
    modem.taken = ["+CMS ERROR: 21"]
    assert main(["notify", "test", str(tmp_path), "--channel", "sim", "--to", TEL]) == 65
    assert "no money" in capsys.readouterr().err
