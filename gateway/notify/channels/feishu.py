"""A Feishu (飞书) or Lark group bot.

::

    channels:
      township:
        type: feishu
        token_file: feishu-token       # what stands behind /hook/ in the bot's address
        secret_file: feishu-secret     # when the bot checks signatures (签名校验)
        keyword: 告警                   # when the bot wants a keyword

A person is called by open id (``ou_...``); without an address the message goes to the group, ``all`` calls everybody.
Pictures cannot be shown: that takes an app of one's own.

Sources: open.feishu.cn, custom bot (signature over nothing, keyed with timestamp and secret; 100 messages a minute
and 5 a second; body up to 20 KB); HTTP 200 with an error code in the body: reference alerting 2.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from pydantic import Field

from gateway.contracts import ChannelContext, Delivered
from gateway.errors import Undeliverable
from gateway.model import Notice
from gateway.notify.bots import EVERYBODY, judged, signature
from gateway.notify.limits import CHAT
from gateway.notify.pace import Pace
from gateway.notify.provider import Provider, needed_secret
from gateway.notify.text import fit, whole
from gateway.schema import Strict
from gateway.web.door import Url

ROOM_BYTES = 15_000  # of 20 KB for the whole body, with room for JSON's escapes
_PERSON = re.compile(r"ou_[0-9A-Za-z]{4,64}")
_TOO_FAST = {9499, 11232, 11233}  # too many requests; frequency limited
_BAD_TEXT = {19002, 230001, 230028}  # wrong parameters; unfit words


class Settings(Strict):
    """One bot.

    Attributes:
        token_file: File with the last part of the bot's address.
        secret_file: File with the secret that signs, if the bot checks signatures.
        keyword: A word without which the bot refuses a message; added where it is missing.
        url: Of the service; ``https://open.larksuite.com`` for Lark.
    """

    token_file: str
    secret_file: str | None = None
    keyword: str = Field(default="", max_length=64)
    url: Url = "https://open.feishu.cn"


class Channel:
    """The group in which the bot sits."""

    pacing = CHAT

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        self._settings = settings
        self._context = context
        self._provider = Provider(settings.url, context.clock)
        self._paces = (
            Pace(context.clock, 5, timedelta(seconds=1)),
            Pace(context.clock, 100, timedelta(minutes=1)),
        )

    def unfit(self, notice: Notice) -> str:
        """An address is an open id, ``all`` or nothing."""
        if notice.to in {"", EVERYBODY} or _PERSON.fullmatch(notice.to):
            return ""
        return f"{notice.to!r} is no open id; write ou_..., all, or nothing for the group"

    def deliver(self, notice: Notice) -> Delivered:
        """See :class:`gateway.contracts.Channel`."""
        if problem := self.unfit(notice):
            raise Undeliverable(problem)
        settings = self._settings
        token = needed_secret(settings.token_file, "token_file")
        hide = [token]
        body: dict[str, Any] = {"msg_type": "text", "content": {"text": self._text(notice)}}
        if settings.secret_file is not None:
            secret = needed_secret(settings.secret_file, "secret_file")
            hide.append(secret)
            stamp = str(round(self._context.clock.now().timestamp()))
            body |= {"timestamp": stamp, "sign": signature(f"{stamp}\n{secret.reveal()}".encode(), b"")}
        for pace in self._paces:
            pace.step()
        answer = self._provider.ask(f"/open-apis/bot/v2/hook/{token.reveal()}", document=body, hide=hide)
        code = answer.number("code", "StatusCode")  # both are in use
        words = answer.text("msg") or answer.text("StatusMessage")
        fault = judged(
            answer, code=code, words=words, later=_TOO_FAST, text=_BAD_TEXT, wait=timedelta(minutes=1)
        )
        if fault is not None:
            raise fault
        return Delivered("", words)

    def close(self) -> None:
        """Nothing stays open."""

    def _text(self, notice: Notice) -> str:
        """Without calls for anybody in the text itself: ``<at>`` there would wake the whole group."""
        text = whole(notice, self._context).replace("<at", "‹at")
        tail = f'\n<at user_id="{notice.to}"></at>' if notice.to else ""
        if self._settings.keyword not in text:
            tail = f"\n{self._settings.keyword}{tail}"
        return fit(text, ROOM_BYTES - len(tail.encode()), self._context.language) + tail
