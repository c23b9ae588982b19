"""Messages through a real mosquitto."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from gateway.errors import Broken, Retry, Undeliverable
from tests.channels import PNG, SECRET, channel, notice, secret_file
from tests.servers import eventually, free_port, mosquitto, tool

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize(
    ("to", "topic"), [("", "village/notice"), ("gate/siren", "village/notice/gate/siren")]
)
def test_a_listener_gets_it_under_its_address(protocol: str, to: str, topic: str, tmp_path: Path) -> None:
    port = free_port()
    heard = tmp_path / "heard"
    with mosquitto(tmp_path, port, "log_type all") as _, heard.open("wb") as out:
        log = tmp_path / f"mosquitto-{port}.log"
        argv = [
            tool("mosquitto_sub"),
            "-p",
            str(port),
            "-t",
            "village/notice/#",
            "-F",
            "%t %q %r %p",
            "-C",
            "1",
        ]
        with subprocess.Popen(argv, stdout=out) as listener:
            eventually(lambda: "SUBACK" in log.read_text(errors="replace"))
            told = channel("mqtt", tmp_path, port, protocol=protocol).deliver(notice(to=to, picture=PNG))
            assert listener.wait(10) == 0
    assert told.state == "accepted"
    assert "picture left out" in told.words
    where, qos, retained, payload = heard.read_text(encoding="utf-8").split(" ", 3)
    assert (where, retained) == (topic, "0")
    assert qos == "0"  # of the listener's own subscription
    message = json.loads(payload)
    assert (message["id"], message["severity"], message["site"]) == ("alert-7", "yellow", "六合村")
    assert message["text"].startswith("3号桶 91 %")


def test_a_wrong_password_is_a_thing_to_mend(tmp_path: Path) -> None:
    port = free_port()
    passwords = tmp_path / "passwords"
    subprocess.run([tool("mosquitto_passwd"), "-b", "-c", str(passwords), "gateway", SECRET], check=True)
    passwords.chmod(0o600)
    with mosquitto(tmp_path, port, "allow_anonymous false", f"password_file {passwords}"):
        known = {"username": "gateway", "password_file": secret_file(tmp_path)}
        assert channel("mqtt", tmp_path, port, **known).deliver(notice()).words == "the broker has it"
        wrong = {**known, "password_file": secret_file(tmp_path, "wr0ng-passw0rd", "wrong")}
        with pytest.raises(Broken) as caught:
            channel("mqtt", tmp_path, port, **wrong).deliver(notice())
    assert "wr0ng" not in str(caught.value)


def test_a_topic_that_is_not_ours_is_undeliverable(tmp_path: Path) -> None:
    port = free_port()
    acl = tmp_path / "acl"
    acl.write_text("topic write village/notice\n", encoding="utf-8")
    acl.chmod(0o600)
    with mosquitto(tmp_path, port, f"acl_file {acl}"):
        far = channel("mqtt", tmp_path, port)
        far.deliver(notice())
        with pytest.raises(Undeliverable, match="Not authorized"):
            far.deliver(notice(to="siren"))


def test_a_broker_that_is_away_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(Retry, match="refused"):
        channel("mqtt", tmp_path, free_port()).deliver(notice())
