"""The Apprise extra: believed only where it tells the truth, and it tells no secrets."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from gateway.errors import Broken, Retry, Undeliverable
from tests.channels import PNG, channel, notice, secret_file
from tests.wire.scripted import replied, scripted

pytest.importorskip("apprise")


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("dingtalk://token12345/", "type: dingtalk"),
        ("feishu://token12345678", "type: feishu"),
        ("lark://token12345678", "type: feishu"),
        ("wecombot://botkey12345678", "type: wecom_bot"),
        ("schan://token12345678", "ServerChan"),
        ("pushdeer://token12345678", "PushDeer"),
    ],
)
def test_what_reports_success_for_refused_messages_is_refused(
    address: str, ours: str, tmp_path: Path
) -> None:
    far = channel("apprise", tmp_path, 1, url_file=secret_file(tmp_path, address, "address"))
    with pytest.raises(Broken, match="also when it was refused") as caught:
        far.deliver(notice())
    assert ours in str(caught.value)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize("address", ["nonsense", "nothing://x", "json://"])
def test_an_address_it_cannot_read_is_a_thing_to_mend(address: str, tmp_path: Path) -> None:
    far = channel("apprise", tmp_path, 1, url_file=secret_file(tmp_path, address, "address"))
    with pytest.raises(Broken, match="cannot read the address"):
        far.deliver(notice())


def test_a_message_goes_out_with_its_picture_and_the_persons_address(tmp_path: Path) -> None:
    with scripted(replied(200)) as server:
        address = secret_file(tmp_path, f"json://127.0.0.1:{server.port}/hook/{{to}}", "address")
        told = channel("apprise", tmp_path, 1, url_file=address).deliver(notice(to="li lei", picture=PNG))
        head, _, body = server.heard[0].partition(b"\r\n\r\n")
    assert told.words == "accepted"
    assert b"/hook/li" in head
    said = json.loads(body)
    assert (said["title"], said["message"]) == ("【六合村】3号桶已满", "3号桶 91 %，请于今天清运。")
    assert len(said["attachments"]) == 1


def test_a_no_is_tried_again_and_shows_no_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with scripted(replied(401)) as server:
        address = secret_file(tmp_path, f"json://127.0.0.1:{server.port}/s3cret-hook", "address")
        with pytest.raises(Retry) as caught:
            channel("apprise", tmp_path, 1, url_file=address).deliver(notice())
    assert "error=401" in str(caught.value)
    assert "s3cret" not in f"{caught.value} {caplog.text}"


def test_the_person_must_have_a_place_in_the_address_and_the_place_a_person(tmp_path: Path) -> None:
    with pytest.raises(Undeliverable, match=r"has no \{to\}"):
        channel("apprise", tmp_path, 1).deliver(notice(to="li"))
    address = secret_file(tmp_path, "json://127.0.0.1/{to}", "address")
    with pytest.raises(Undeliverable, match="wants an address"):
        channel("apprise", tmp_path, 1, url_file=address).deliver(notice())
