"""What a site file may say about a line, and what it is told when it says it wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from drivers.line.settings import Settings


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ({"connection": "rtu"}, "needs port: with the serial port"),
        ({"connection": "rtu", "port": 502}, "needs port: with the serial port"),
        ({"connection": "rtu", "port": "/dev/ttyS0", "host": "x"}, "has no host"),
        ({"connection": "tcp"}, "needs host"),
        ({"host": "x", "port": "/dev/ttyS0"}, "is a number, e.g. 502"),
        ({"host": "x", "port": 70000}, "1 to 65535"),
        ({"host": "x", "key": "k.pem"}, "belong together"),
        ({"host": "x", "timeout": "0s"}, "longer than nothing"),
        ({"host": "x", "timeout": 5}, "a time with its unit"),
        ({"host": "x", "writes": [{"unit": 1, "address": 1, "min": 5, "max": 1}]}, "min 5 is above max 1"),
        ({"host": "x", "writes": [{"unit": 1, "address": 1, "kind": "coil", "max": 2}]}, "0 or 1"),
        ({"host": "x", "speed": 9600}, "Extra inputs"),
    ],
)
def test_a_wrong_line_is_refused_in_words(says: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Settings.model_validate(says)


def test_the_usual_ports_and_silences() -> None:
    tcp = Settings.model_validate({"host": "10.0.0.7"})
    assert (tcp.tcp_port, tcp.framed, tcp.quiet_s, tcp.turn_s, tcp.place) == (502, True, 0, 0, "10.0.0.7:502")
    tls = Settings.model_validate({"connection": "tls", "host": "plc"})
    assert (tls.tcp_port, tls.framed) == (802, True)
    rtu = Settings.model_validate({"connection": "rtu", "port": "/dev/ttyUSB0", "parity": "E", "gap": "80ms"})
    assert (rtu.framed, rtu.turn_s, rtu.place) == (False, 0.08, "/dev/ttyUSB0 (9600 8E1)")
    bridge = Settings.model_validate({"connection": "rtu-over-tcp", "host": "10.0.0.8", "port": 4196})
    assert (bridge.framed, bridge.turn_s, bridge.tcp_port) == (False, 0.05, 4196)
    assert bridge.timeout == timedelta(milliseconds=500)
