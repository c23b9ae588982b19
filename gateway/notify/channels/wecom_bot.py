"""A WeCom (企业微信) group bot.

::

    channels:
      village-group:
        type: wecom_bot
        key_file: wecom-bot-key        # what stands behind key= in the bot's address

A person is called by mobile number; without an address the message goes to the group, ``all`` calls everybody.
The picture follows as a message of its own.

Sources: developer.work.weixin.qq.com 91770 (text up to 2048 bytes, picture as Base64 up to 2 MB with its MD5, 20
messages a minute); HTTP 200 with an error code in the body: reference alerting 2.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from gateway.contracts import ChannelContext, Delivered
from gateway.credentials import Secret
from gateway.errors import DeliveryError, Undeliverable
from gateway.model import Notice
from gateway.notify.bots import EVERYBODY, judged, member, unfit
from gateway.notify.limits import CHAT
from gateway.notify.pace import Pace
from gateway.notify.picture import problem as picture_problem
from gateway.notify.provider import Provider, needed_secret
from gateway.notify.text import fit, whole
from gateway.schema import Strict
from gateway.web.door import Url

ROOM_BYTES = 2048
PICTURE_BYTES = 2 * 1024 * 1024
_TOO_FAST = {-1, 45009, 45033}  # busy; called too often; too many at once
_BAD_TEXT = {40008, 40009, 40058, 44004, 45002}  # type, size of the picture, parameter, empty, too long


class Settings(Strict):
    """One bot.

    Attributes:
        key_file: File with the key.
        url: Of the service.
    """

    key_file: str
    url: Url = "https://qyapi.weixin.qq.com"


class Channel:
    """The group in which the bot sits."""

    pacing = CHAT

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        self._settings = settings
        self._context = context
        self._provider = Provider(settings.url, context.clock)
        self._pace = Pace(context.clock, 20, timedelta(minutes=1))

    def unfit(self, notice: Notice) -> str:
        """An address is a mobile number, ``all`` or nothing."""
        return unfit(notice.to)

    def deliver(self, notice: Notice) -> Delivered:
        """See :class:`gateway.contracts.Channel`; a picture that is refused does not take back the text."""
        if problem := self.unfit(notice):
            raise Undeliverable(problem)
        key = needed_secret(self._settings.key_file, "key_file")
        called = [] if not notice.to else ["@all" if notice.to == EVERYBODY else member(notice.to)]
        text = fit(whole(notice, self._context), ROOM_BYTES, self._context.language)
        words = self._send(
            key, {"msgtype": "text", "text": {"content": text, "mentioned_mobile_list": called}}
        )
        if notice.picture is not None:
            words += f"; picture: {self._show(key, notice.picture)}"
        return Delivered("", words)

    def close(self) -> None:
        """Nothing stays open."""

    def _show(self, key: Secret, picture: bytes) -> str:
        if problem := picture_problem(picture, PICTURE_BYTES):
            return problem
        data = base64.b64encode(picture).decode("ascii")
        md5 = hashlib.md5(picture, usedforsecurity=False).hexdigest()
        try:
            return self._send(key, {"msgtype": "image", "image": {"base64": data, "md5": md5}})
        except DeliveryError as error:
            return str(error)

    def _send(self, key: Secret, body: Mapping[str, Any]) -> str:
        self._pace.step()
        query = {"key": key.reveal()}
        answer = self._provider.ask("/cgi-bin/webhook/send", query, document=body, hide=[key])
        code, words = answer.number("errcode"), answer.text("errmsg")
        fault = judged(
            answer, code=code, words=words, later=_TOO_FAST, text=_BAD_TEXT, wait=timedelta(minutes=1)
        )
        if fault is not None:
            raise fault
        return words
