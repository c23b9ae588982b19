"""What the MQTT driver counts, refuses and remembers; without a broker."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.broker.mailbox import MOST_WAITING, MOST_WAITING_BYTES, Mailbox
from drivers.broker.notebook import Notebook
from drivers.decode.messages import Message
from drivers.mqtt import Driver, Settings
from gateway.catalogue import Catalogue
from gateway.clock import ManualClock
from gateway.contracts import Context, Device, SourceHealth
from gateway.errors import Lost, SettingsError
from gateway.files import parse_yaml
from gateway.model import Reading
from gateway.mqtt import Incoming
from gateway.quantities import Quantities
from gateway.settings import DeviceSettings
from tests.conftest import NOON
from tests.hostile import LISTEN, corpus
from tests.unit.test_messages import CHIRP, chirpstack_up

DEVICES = {"hall": ("hall", None), "bin-017": ("24E124713B492158", "milesight-em310-udl")}


@pytest.fixture
def driver_of(quantities: Quantities, catalogue: Catalogue, clock: ManualClock, tmp_path: Path) -> Any:
    def build(
        listen: list[Any], devices: dict[str, Any] = DEVICES, health: SourceHealth | None = None, **more: Any
    ) -> Driver:
        found = tuple(
            Device(
                slug,
                DeviceSettings(source="b", address=address, model=model),
                catalogue[model] if model else None,
            )
            for slug, (address, model) in devices.items()
        )
        context = Context("b", "s", found, quantities, catalogue, clock, health or SourceHealth(), tmp_path)
        return Driver(Settings.model_validate({"listen": listen, **more}), context)

    return build


def message(topic: str, payload: bytes, *, qos: int = 0, mid: int = 0, again: bool = False) -> Incoming:
    return Incoming(topic, payload, qos, retained=False, again=again, mid=mid)


def words(driver: Driver, incoming: Incoming) -> list[Any]:
    return list(driver._words(incoming, NOON))


def total(health: SourceHealth) -> int:
    return health.received + health.refused + health.duplicates


def test_no_hostile_message_raises_or_gets_past_without_being_counted(driver_of: Any, caplog: Any) -> None:
    driver = driver_of(LISTEN)
    health = driver._health
    number = 0
    with caplog.at_level(logging.ERROR):
        for topic, payload in corpus():
            before = total(health), dict(health.unknown)
            health.unknown.clear()
            seen = words(driver, message(topic, payload))
            assert total(health) > before[0] or health.unknown, (topic, payload[:200])
            assert all(
                not isinstance(item, Reading) or item.value is None or abs(item.value) < 1e31 for item in seen
            )
            number += 1
    assert caplog.records == []  # an unexpected exception would have been logged
    assert number > 3000
    driver._health.refused = 0
    assert words(driver, message("village/hall/data", b'{"ts": 1784368800000, "fill": 12}'))
    assert health.refused == 0


def test_the_same_frame_counts_once_in_ten_minutes_even_after_reopening(
    driver_of: Any, clock: ManualClock
) -> None:
    frame = message(CHIRP + "up", json.dumps(chirpstack_up()).encode())
    health = SourceHealth()
    assert words(driver_of(["chirpstack"], health=health), frame)
    clock.move_to(NOON.replace(minute=9))
    assert words(driver_of(["chirpstack"], health=health), frame) == []
    assert (health.received, health.duplicates) == (1, 1)
    clock.move_to(NOON.replace(minute=11))
    assert words(driver_of(["chirpstack"], health=health), frame)


def test_a_bug_met_by_one_message_is_counted_and_logged_once(
    driver_of: Any, caplog: Any, monkeypatch: Any
) -> None:
    driver = driver_of(LISTEN)
    monkeypatch.setattr(driver._intake, "sort", lambda *_: 1 / 0)
    for _ in range(3):
        assert words(driver, message("village/hall/data", b"{}")) == []
    assert driver._health.refused == 3
    assert len(caplog.records) == 1


def test_a_stranger_is_noted_and_gives_nothing(driver_of: Any) -> None:
    driver = driver_of(LISTEN)
    assert words(driver, message("village/somebody/data", b'{"ts": 1784368800000, "fill": 12}')) == []
    assert list(driver._health.unknown) == ["somebody"]
    assert total(driver._health) == 0


def test_a_frame_that_cannot_be_decoded_is_the_devices_error_until_the_next_good_one(driver_of: Any) -> None:
    driver = driver_of(["chirpstack"], {"door": ("24e124713b492158", None)})
    words(driver, message(CHIRP + "up", json.dumps(chirpstack_up()).encode()))
    assert "no model" in driver._health.device_errors["door"]
    words(driver, message(CHIRP + "status", b'{"margin": 1}'))
    assert driver._health.device_errors == {}


def test_two_devices_with_one_address_are_refused(driver_of: Any) -> None:
    with pytest.raises(SettingsError, match="also a's"):
        driver_of(["chirpstack"], {"a": ("24E124713B492158", None), "b": ("24-e1-24-71-3b-49-21-58", None)})


@pytest.mark.parametrize(
    ("values", "said"),
    [({"x": "no_such_thing"}, "no quantity"), ({"x": {"quantity": "fill", "unit": "degC"}}, "measures")],
)
def test_a_mapping_to_nothing_is_refused(driver_of: Any, values: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        driver_of([{"plain": {"topic": "a/{device}", "values": values}}])


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"listen": ["chirpstak"]}, "did you mean chirpstack"),
        ({"listen": []}, "at least 1"),
        ({"listen": [{"chirpstack": {"topik": "x"}}]}, "topik"),
        ({"listen": [{"chirpstack": {}, "tts": {}}]}, "each entry"),
        ({"listen": [{"plain": {"topic": "#"}}]}, "# is refused"),
        ({"listen": [{"plain": {"topic": "village/#"}}]}, "# is refused"),
        ({"listen": [{"plain": {"topic": "village/{device"}}]}, "partner"),
        ({"listen": [{"plain": {"topic": "village/{name}"}}]}, "unknown"),
        ({"listen": [{"plain": {"topic": "village/data"}}]}, "say who it is once"),
        ({"listen": [{"plain": {"topic": "a/{device}", "format": "csv"}}]}, "columns"),
        ({"listen": [{"plain": {"topic": "a/{device}", "format": "number"}}]}, "bare number"),
        (
            {"listen": [{"plain": {"topic": "a/{device}", "values": {"a[*].x": "fill", "b[*].x": "rain"}}}]},
            "same array",
        ),
        ({"listen": ["milesight"]}, "topic"),
        ({"listen": [{"zigbee2mqtt": {"topic": "z/#"}}]}, "# is refused"),
        ({"listen": [{"tasmota": {"full_topic": "%prefix%/x/"}}]}, "needs %topic%"),
        ({"listen": ["chirpstack"], "password_file": "x"}, "without username"),
        ({"listen": ["chirpstack"], "protocol": "4"}, "3.1.1"),
        ({"listen": ["chirpstack"], "tls": {"cert": "x"}}, "belong together"),
        ({"listen": ["chirpstack"], "keepalive": "1s"}, "between 5s"),
        ({"listen": ["chirpstack"], "client_id": "a b"}, "pattern"),
    ],
)
def test_settings_say_what_is_wrong(keys: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(keys)


async def test_a_full_mailbox_thins_what_nobody_can_repeat_and_keeps_the_rest(driver_of: Any) -> None:
    driver = driver_of(LISTEN)
    mailbox = Mailbox(asyncio.get_running_loop(), driver._context)
    for number in range(MOST_WAITING + 10):
        mailbox.put(message("t", b"%d" % number))
    assert driver._health.dropped == 10
    assert not mailbox.full()
    first, _ = await mailbox.get()
    assert first.payload == b"10"
    for number in range(MOST_WAITING):
        mailbox.put(message("t", b"kept", qos=1, mid=number))
    assert mailbox.full()
    assert driver._health.dropped == 10 + MOST_WAITING - 1
    mailbox.lost("gone")
    kept = [(await mailbox.get())[0] for _ in range(MOST_WAITING)]
    assert sum(one.qos for one in kept) == MOST_WAITING
    assert not mailbox.full()
    with pytest.raises(Lost, match="gone"):
        await mailbox.get()


async def test_a_mailbox_is_bounded_in_bytes_too(driver_of: Any) -> None:
    driver = driver_of(LISTEN)
    mailbox = Mailbox(asyncio.get_running_loop(), driver._context)
    large = b"x" * 64_000
    for _ in range(1000):
        mailbox.put(message("t", large))
    assert driver._health.dropped == 1000 - 250
    assert not mailbox.full()
    while not mailbox.full():
        mailbox.put(message("t", large, qos=1))
    assert mailbox._kept * len(large) <= MOST_WAITING_BYTES + len(large)


def test_a_spoilt_notebook_costs_nothing(tmp_path: Path) -> None:
    for text in ("", "{", "[]", '{"filters": 1}', '{"filters": [], "lessons": [1]}', "\xff"):
        (tmp_path / "mqtt.json").write_text(text)
        book = Notebook(tmp_path)
        assert (book.filters, book.lessons) == ([], [])
    book.write(["a"], [Message("t", b"{}", retained=True)])
    again = Notebook(tmp_path)
    assert (again.filters, again.lessons) == (["a"], [Message("t", b"{}", retained=True)])


def test_the_listening_examples_of_the_guide_are_right(driver_of: Any) -> None:
    guide = Path(__file__).parents[2] / "docs" / "site.md"
    blocks = [block for block in guide.read_text(encoding="utf-8").split("```") if "listen:\n" in block]
    assert blocks
    for block in blocks:
        text = block.removeprefix("yaml\n")
        listen = parse_yaml(text[text.index("    listen:") :].encode(), guide).data["listen"]
        assert driver_of(listen)._intake.filters()
