"""What every channel on the shelf must keep to; a new file is tested the moment it exists."""

from __future__ import annotations

import logging
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

from gateway import plugins
from gateway.clock import ManualClock
from gateway.errors import Broken, Retry, Undeliverable
from gateway.files import parse_yaml
from tests.channels import AT, BOT_TOKEN, SECRET, channel, needed, notice
from tests.servers import free_port

KINDS = plugins.names("channel")
PHONES = {
    kind for kind in KINDS if kind.endswith(("_sms", "_voice", "_modem"))
}  # docs/phones.md, tested by their own far ends
REACHED = set(KINDS) - PHONES - {"console"}
REMOTE = [kind for kind in KINDS if kind in REACHED]
WITH_SECRET = [
    kind for kind in REMOTE if kind not in {"email", "mqtt"}
]  # theirs is optional, tested over the wire
DOCS = Path(__file__).parents[2] / "docs"
GUIDE = DOCS / "channels.md"
BAD_ADDRESS = {
    "apprise": "x" * 201,
    "console": None,
    "dingtalk": "Li Lei",
    "email": "li@example.com\r\nBcc: all@example.com",
    "feishu": '"></at>',
    "mqtt": "siren/#",
    "ntfy": "../admin",
    "telegram": "4711&text=x",
    "webhook": "x" * 201,
    "wecom_app": "a|b",
    "wecom_bot": "@all",
}


@pytest.fixture(params=KINDS)
def module(request: pytest.FixtureRequest) -> ModuleType:
    return plugins.load("channel", request.param)


def kind_of(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def test_its_own_example_is_right(module: ModuleType) -> None:
    text = (module.__doc__ or "").split("::\n\n", 1)[1].split("\n\n")[0]
    channels = parse_yaml(text.encode(), Path("docstring")).data["channels"]
    for settings in channels.values():
        assert settings.pop("type") == kind_of(module)
        module.Settings.model_validate(settings)


def test_the_guide_shows_it(module: ModuleType) -> None:
    if kind_of(module) in PHONES:
        assert f"`{kind_of(module)}`" in (DOCS / "phones.md").read_text(encoding="utf-8")
        return
    blocks = GUIDE.read_text(encoding="utf-8").split("```yaml\n")[1:]
    shown = {}
    for block in blocks:
        for settings in parse_yaml(block.split("```")[0].encode(), GUIDE).data["channels"].values():
            shown[settings["type"]] = {key: value for key, value in settings.items() if key != "type"}
    module.Settings.model_validate(shown[kind_of(module)])


def test_its_settings_refuse_what_they_do_not_know(module: ModuleType, tmp_path: Path) -> None:
    keys = needed(kind_of(module), tmp_path, 1)
    module.Settings.model_validate(keys)
    with pytest.raises(ValidationError, match=r"extra_forbidden|not permitted"):
        module.Settings.model_validate({**keys, "tokn_file": "x"})


def test_no_secret_stands_in_its_settings(module: ModuleType) -> None:
    for name in module.Settings.model_fields:
        assert name not in {"password", "token", "secret", "key"}


@pytest.mark.parametrize("kind", REMOTE)
def test_an_absent_far_side_is_tried_again_and_nothing_secret_is_shown(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    far = channel(kind, tmp_path, free_port())
    with pytest.raises(Retry) as caught:
        far.deliver(notice(kind))
    said = str(caught.value)
    assert (
        "refused" in said or kind == "apprise"
    )  # the library says no more than that there is a connection error
    assert "onnection" in said
    shown = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r} {caplog.text}"
    assert "SECsign" not in shown
    assert SECRET not in shown
    assert BOT_TOKEN not in shown


@pytest.mark.parametrize("kind", WITH_SECRET)
def test_an_absent_secret_file_is_named_and_nothing_is_sent(kind: str, tmp_path: Path) -> None:
    absent = {key: str(tmp_path / "gone") for key in needed(kind, tmp_path, 1) if key.endswith("_file")}
    far = channel(kind, tmp_path, free_port(), **absent)
    with pytest.raises(Broken, match=r"gone.*cannot be read"):
        far.deliver(notice(kind))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if BAD_ADDRESS.get(kind)])
def test_a_wrong_address_is_refused_in_words_before_anything_is_opened(kind: str, tmp_path: Path) -> None:
    far = channel(kind, tmp_path, free_port())
    wrong = notice(kind, to=BAD_ADDRESS[kind])
    assert far.unfit(notice(kind)) == ""
    assert "address" in far.unfit(wrong) or repr(wrong.to) in far.unfit(wrong)
    with pytest.raises(Undeliverable):
        far.deliver(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_closed_twice_and_before_it_was_used(kind: str, tmp_path: Path) -> None:
    far = channel(kind, tmp_path, free_port(), clock=ManualClock(AT))
    far.close()
    far.close()
