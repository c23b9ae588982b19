"""A small village whose people are told over channels that the test holds in its hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from gateway.contracts import Delivered, Device
from gateway.model import AlertChange, AlertState, Notice, Severity
from gateway.names import roster_of
from gateway.notify.teller import Teller
from gateway.rules.language import Rule
from gateway.settings import Village
from gateway.site import load_words
from tests.conftest import NOON

WORDS = {"zh": load_words("zh"), "en": load_words("en")}
PEOPLE: dict[str, Any] = {
    "channels": {name: {"type": "console"} for name in ("sms", "voice", "chat")},
    "cells": {
        "town": {"kind": "township", "name": "Town", "members": ["tang"]},
        "village": {"kind": "village", "name": "Village", "parent": "town", "members": ["he", "sun"]},
        "grid": {"kind": "grid", "name": "Grid", "parent": "village", "members": ["zheng"]},
        "east": {"kind": "micro", "name": "East", "parent": "grid", "members": ["wang"]},
    },
    "people": {
        "wang": {
            "name": "Wang",
            "language": "en",
            "phones": ["+86 577 0000 0101"],
            "channels": [{"channel": "chat"}, {"channel": "sms"}, {"channel": "voice"}],
            "quiet": ["21:00-06:00"],
        },
        "zheng": {"name": "Zheng", "phones": ["+86 577 0000 0201"], "channels": [{"channel": "sms"}]},
        "he": {"name": "He", "phones": ["+86 577 0000 0301"], "channels": [{"channel": "voice"}]},
        "tang": {"name": "Tang", "phones": ["+86 577 0000 0401"], "channels": [{"channel": "voice"}]},
        "sun": {
            "name": "Sun",
            "roles": ["cleaner"],
            "phones": ["+86 577 0000 0501"],
            "channels": [{"channel": "sms"}, {"channel": "voice"}],
        },
    },
    "duty": {
        "rota": [
            {"cell": "village", "people": ["he"]},
            {"cell": "village", "role": "cleaner", "people": ["sun"]},
        ],
        "groups": {"flood": {"people": ["he", "zheng"]}},
        "digests": [],
    },
}
DEVICES = {
    "bin-1": {"source": "radio", "name": "1号桶", "cell": "east", "role": "cleaner"},
    "house-7": {"source": "radio", "name": "7号屋", "cell": "east"},
    "nowhere": {"source": "radio"},
}


def village(**more: Any) -> Village:
    return Village.model_validate({"site": {"slug": "demo"}, "devices": DEVICES, **PEOPLE, **more})


def rule(name: str, tell: list[str], **more: Any) -> Rule:
    when = {"fill": {"above": "80 %"}}
    return Rule.model_validate({"id": name, "when": when, "severity": "yellow", "tell": tell, **more})


def teller(*rules: Rule, of: Village | None = None) -> Teller:
    site = of or village()
    devices = {slug: Device(slug, settings) for slug, settings in site.devices.items()}
    return Teller(
        roster_of(site),
        devices,
        {one.id: one for one in rules},
        words=WORDS,
        language="zh",
        zone=site.site.zone,
    )


def change(
    severity: str = "yellow",
    after: AlertState = AlertState.FIRING,
    before: AlertState = AlertState.NORMAL,
    *,
    target: str = "house-7",
    name: str = "tilt",
    at: datetime = NOON,
    was: str = "info",
    since: datetime | None = NOON,
) -> AlertChange:
    level, left = Severity[severity.upper()], Severity[was.upper()]
    return AlertChange(at, name, target, before, after, level, 91.0, "fill 91 % above 80 %", since, was=left)


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


class Scripted:
    """A channel that does what the test says, message by message, and remembers what it was given."""

    def __init__(self, *script: Exception | str, then: Exception | str = "delivered") -> None:
        self.script = list(script)
        self.then = then
        self.heard: list[Notice] = []
        self.during: Callable[[], None] = lambda: None

    def unfit(self, notice: Notice) -> str:
        return ""

    def deliver(self, notice: Notice) -> Delivered:
        self.heard.append(notice)
        self.during()
        answer = self.script.pop(0) if self.script else self.then
        if isinstance(answer, Exception):
            raise answer
        return Delivered("nr-1", "taken", "accepted" if answer == "accepted" else "delivered")

    def close(self) -> None:
        pass
