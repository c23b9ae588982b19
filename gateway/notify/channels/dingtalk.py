"""A DingTalk (钉钉) group bot.

::

    channels:
      office-group:
        type: dingtalk
        token_file: dingtalk-token     # what stands behind access_token= in the bot's address
        secret_file: dingtalk-secret   # SEC..., when the bot checks signatures (加签)
        keyword: 告警                   # when the bot wants a keyword

A person is called by mobile number (``@``); without an address the message goes to the group, ``all`` calls
everybody. Pictures cannot be shown: the bot takes only addresses of public ones.

Sources: open.dingtalk.com, custom bot (text, signature over timestamp and secret, 20 messages a minute); 20 a minute,
then blocked for ten minutes, HTTP 200 with an error code in the body: reference alerting 2.
"""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from gateway.contracts import ChannelContext, Delivered
from gateway.errors import Retry, Undeliverable
from gateway.model import Notice
from gateway.notify.bots import EVERYBODY, judged, member, signature, unfit
from gateway.notify.limits import CHAT
from gateway.notify.pace import Pace
from gateway.notify.provider import Provider, needed_secret
from gateway.notify.text import fit, whole
from gateway.schema import Strict
from gateway.web.door import Url

ROOM_BYTES = 15_000  # open.dingtalk.com, bot messages: msgParam at most 15,000 bytes
BLOCKED = timedelta(minutes=10)
_TOO_FAST = {-1, 130101, 410100, 90030}  # busy; more than 20 a minute; sent too fast; over the limit
_BAD_TEXT = {
    430101,
    430102,
    430103,
    430104,
    460101,
    400105,
}  # unsafe link, unfit words or picture, too long, wrong type


class Settings(Strict):
    """One bot.

    Attributes:
        token_file: File with the access token.
        secret_file: File with the secret that signs, if the bot checks signatures.
        keyword: A word without which the bot refuses a message; added where it is missing.
        url: Of the service.
    """

    token_file: str
    secret_file: str | None = None
    keyword: str = Field(default="", max_length=64)
    url: Url = "https://oapi.dingtalk.com"


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
        """See :class:`gateway.contracts.Channel`."""
        if problem := self.unfit(notice):
            raise Undeliverable(problem)
        settings = self._settings
        token = needed_secret(settings.token_file, "token_file")
        hide = [token]
        query = {"access_token": token.reveal()}
        if settings.secret_file is not None:
            secret = needed_secret(settings.secret_file, "secret_file")
            hide.append(secret)
            stamp = str(round(self._context.clock.now().timestamp() * 1000))
            signed = f"{stamp}\n{secret.reveal()}".encode()
            query |= {"timestamp": stamp, "sign": signature(secret.reveal().encode(), signed)}
        body = {"msgtype": "text", "text": {"content": self._text(notice)}, "at": _called(notice.to)}
        self._pace.step()
        answer = self._provider.ask("/robot/send", query, document=body, hide=hide)
        code, words = answer.number("errcode"), answer.text("errmsg")
        fault = judged(answer, code=code, words=words, later=_TOO_FAST, text=_BAD_TEXT, wait=BLOCKED)
        if fault is not None and "timestamp" in words.lower():
            fault = Retry(
                f"{fault}: is the clock of this box right?"
            )  # signed more than an hour away from theirs
        if fault is not None:
            raise fault
        return Delivered("", words)

    def close(self) -> None:
        """Nothing stays open."""

    def _text(self, notice: Notice) -> str:
        """With the keyword and the ``@`` that the client shows, which must survive a cut."""
        text = whole(notice, self._context)
        tail = f"\n@{member(notice.to)}" if notice.to not in {"", EVERYBODY} else ""
        if self._settings.keyword not in text:
            tail = f"\n{self._settings.keyword}{tail}"
        return fit(text, ROOM_BYTES - len(tail.encode()), self._context.language) + tail


def _called(to: str) -> dict[str, object]:
    return {"atMobiles": [member(to)] if to not in {"", EVERYBODY} else [], "isAtAll": to == EVERYBODY}
