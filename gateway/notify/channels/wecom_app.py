"""Messages of a WeCom (企业微信) app of one's own, to each person directly.

::

    channels:
      wecom:
        type: wecom_app
        corp_id: ww0123456789abcdef
        agent_id: 1000002
        secret_file: wecom-app-secret

An address is a user id, or ``all``. The access token is kept until it ends and
fetched anew when it is refused. The same text to the same person within half an hour is dropped by the service: a
double does no harm. The picture follows as a message of its own.

Sources: developer.work.weixin.qq.com 91039 (gettoken), 90236 (message/send: text up to 2048 bytes,
enable_duplicate_check, invaliduser), 90253 (media/upload: JPEG or PNG up to 10 MB; 2 MB here, as everywhere else).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import Field

from gateway.contracts import ChannelContext, Delivered
from gateway.credentials import Secret
from gateway.errors import Broken, DeliveryError, Undeliverable
from gateway.model import Notice
from gateway.notify.bots import EVERYBODY, judged
from gateway.notify.picture import form
from gateway.notify.picture import problem as picture_problem
from gateway.notify.provider import Answer, Provider, needed_secret
from gateway.notify.text import fit, whole
from gateway.schema import Strict
from gateway.web.door import Url

ROOM_BYTES = 2048
PICTURE_BYTES = 2 * 1024 * 1024
DUPLICATE_S = 1800  # the service's own default for enable_duplicate_check
_PERSON = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.@-]{0,63}")
_STALE = {40014, 42001}  # token invalid; token expired
_LATER = {-1, 45009, 45033, *_STALE}  # busy; called too often; too many at once
_BAD_TEXT = {
    40008,
    40058,
    44004,
    45002,
    60111,
    81013,
}  # type, parameter, empty, too long; no such user; nobody of them


class Settings(Strict):
    """One app.

    Attributes:
        corp_id: Of the organisation.
        agent_id: Of the app.
        secret_file: File with the app's secret.
        url: Of the service.
    """

    corp_id: str = Field(pattern=r"^[0-9A-Za-z_-]{4,64}$")
    agent_id: int = Field(gt=0)
    secret_file: str
    url: Url = "https://qyapi.weixin.qq.com"


class Channel:
    """The app."""

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        self._settings = settings
        self._context = context
        self._provider = Provider(settings.url, context.clock)
        self._lock = threading.Lock()  # guards the token
        self._token: Secret | None = None
        self._token_ends = 0.0

    def unfit(self, notice: Notice) -> str:
        """An address is a user id, or ``all``."""
        if notice.to == EVERYBODY or _PERSON.fullmatch(notice.to):
            return ""
        return f"{notice.to!r} is no user id; write one, or all"

    def deliver(self, notice: Notice) -> Delivered:
        """See :class:`gateway.contracts.Channel`; a picture that is refused does not take back the text."""
        if problem := self.unfit(notice):
            raise Undeliverable(problem)
        text = fit(whole(notice, self._context), ROOM_BYTES, self._context.language)
        answer = self._send(notice.to, {"msgtype": "text", "text": {"content": text}})
        strangers = answer.text("invaliduser")
        if strangers:
            raise Undeliverable(f"not in the organisation or may not see the app: {strangers}")
        words = answer.text("errmsg")
        if notice.picture is not None:
            words += f"; picture: {self._show(notice.to, notice.picture)}"
        return Delivered(answer.text("msgid"), words)

    def close(self) -> None:
        """Nothing stays open."""

    def _show(self, to: str, picture: bytes) -> str:
        if problem := picture_problem(picture, PICTURE_BYTES):
            return problem
        body, headers = form({}, "media", picture)
        try:
            upload = self._ask("/cgi-bin/media/upload", {"type": "image"}, body=body, headers=headers)
            return self._send(to, {"msgtype": "image", "image": {"media_id": upload.text("media_id")}}).text(
                "errmsg"
            )
        except DeliveryError as error:
            return str(error)

    def _send(self, to: str, body: Mapping[str, Any]) -> Answer:
        head = {
            "touser": f"@{EVERYBODY}" if to == EVERYBODY else to,
            "agentid": self._settings.agent_id,
            "enable_duplicate_check": 1,
            "duplicate_check_interval": DUPLICATE_S,
        }
        return self._ask("/cgi-bin/message/send", {}, document={**head, **body})

    def _ask(self, path: str, query: Mapping[str, str], **what: Any) -> Answer:
        """With a token; once more with a fresh one when it is refused."""
        for last in (False, True):
            token = self._fresh_token()
            answer = self._provider.ask(path, {**query, "access_token": token.reveal()}, hide=[token], **what)
            code = answer.number("errcode")
            if code in _STALE:
                self._forget(token)
                if not last:
                    continue
            fault = _fault(answer, code)
            if fault is None:
                break
            raise fault
        return answer

    def _fresh_token(self) -> Secret:
        with self._lock:
            now = self._context.clock.monotonic()
            if self._token is not None and now < self._token_ends:
                return self._token
            secret = needed_secret(self._settings.secret_file, "secret_file")
            query = {"corpid": self._settings.corp_id, "corpsecret": secret.reveal()}
            answer = self._provider.ask("/cgi-bin/gettoken", query, method="GET", hide=[secret])
            fault = _fault(answer, answer.number("errcode"))
            if fault is not None:
                raise fault
            token = answer.document.get("access_token")
            if not isinstance(token, str) or not token.isascii() or not token.isprintable():
                raise Broken("the service gave no access token")
            lives = answer.number("expires_in") or 0
            self._token, self._token_ends = Secret(token), now + max(0, lives - 300)
            return self._token

    def _forget(self, token: Secret) -> None:
        with self._lock:
            if self._token == token:
                self._token = None


def _fault(answer: Answer, code: int | None) -> DeliveryError | None:
    words = answer.text("errmsg")
    return judged(answer, code=code, words=words, later=_LATER, text=_BAD_TEXT, wait=timedelta(minutes=1))
