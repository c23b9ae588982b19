"""A signed JSON message to any program that speaks HTTP.

::

    channels:
      township-platform:
        type: webhook
        url: https://platform.example/village/alerts
        secret_file: platform-secret   # signs every message
        token_file: platform-token     # if the other side wants a bearer token
        success: {code: 0}             # what must stand in its answer, if it answers errors with HTTP 200

The body is a JSON object: ``id``, ``site``, ``to``, ``subject``, ``text``, ``severity``, ``template``, ``variables``,
``at`` and, when there is a picture of at most 2 MB, ``picture`` in Base64. ``Idempotency-Key`` is the message's id:
the same again is the same message. The signature is ``X-Village-Signature: sha256=<hex>``, an HMAC-SHA256 with the
secret over the value of ``X-Village-Timestamp`` (UNIX seconds), a full stop and the body; a receiver refuses what is
older than five minutes. No redirect is followed. With ``token_file`` the address begins with https, except on this
machine.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, model_validator

from gateway.contracts import ChannelContext, Delivered
from gateway.errors import Undeliverable
from gateway.model import Notice
from gateway.notify.picture import problem as picture_problem
from gateway.notify.provider import Provider, needed_secret
from gateway.schema import Strict
from gateway.web.door import Url

PICTURE_BYTES = 2 * 1024 * 1024
_HERE = {"127.0.0.1", "::1", "localhost"}


class Settings(Strict):
    """One receiver.

    Attributes:
        url: Where it listens.
        secret_file: File with the secret that signs.
        token_file: File with a bearer token.
        ca_file: Certificates to trust instead of the system's.
        success: Keys of its JSON answer that must have these values.
    """

    url: Url
    secret_file: str
    token_file: str | None = None
    ca_file: Path | None = None
    success: dict[str, str | int | bool] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _token_is_safe(self) -> Self:
        parts = urlsplit(self.url)
        if self.token_file is not None and parts.scheme != "https" and parts.hostname not in _HERE:
            raise ValueError("a token goes over https only; write url: https://...")
        return self


class Channel:
    """The receiver."""

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        self._settings = settings
        self._context = context
        self._provider = Provider(settings.url, context.clock, settings.ca_file)

    def unfit(self, notice: Notice) -> str:
        """An address is whatever the receiver knows people by."""
        return "" if len(notice.to) <= 200 else "an address has at most 200 characters"

    def deliver(self, notice: Notice) -> Delivered:
        """See :class:`gateway.contracts.Channel`."""
        if problem := self.unfit(notice):
            raise Undeliverable(problem)
        secret = needed_secret(self._settings.secret_file, "secret_file")
        hide, note = [secret], ""
        document = self._document(notice)
        if notice.picture is not None:
            note = picture_problem(notice.picture, PICTURE_BYTES)
            if not note:
                document["picture"] = base64.b64encode(notice.picture).decode("ascii")
        body = json.dumps(document, ensure_ascii=False).encode()
        stamp = str(round(self._context.clock.now().timestamp()))
        signed = hmac.new(secret.reveal().encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": quote(notice.id),
            "X-Village-Timestamp": stamp,
            "X-Village-Signature": f"sha256={signed}",
        }
        if self._settings.token_file is not None:
            token = needed_secret(self._settings.token_file, "token_file")
            hide.append(token)
            headers["Authorization"] = f"Bearer {token.reveal()}"
        answer = self._provider.ask("", body=body, headers=headers, hide=hide)
        if not answer.good:
            raise answer.fault()
        for key, wanted in self._settings.success.items():
            found = answer.document.get(key)
            if found != wanted or isinstance(found, bool) != isinstance(wanted, bool):
                raise Undeliverable(
                    f"the receiver answers {answer.words or 'nothing'}, not {key}: {wanted!r}"
                )
        words = answer.words or f"HTTP {answer.status}"
        return Delivered(answer.text("id"), f"{words}; picture: {note}" if note else words)

    def close(self) -> None:
        """Nothing stays open."""

    def _document(self, notice: Notice) -> dict[str, Any]:
        return {
            "id": notice.id,
            "site": self._context.site,
            "to": notice.to,
            "subject": notice.subject,
            "text": notice.text,
            "severity": notice.severity.word,
            "template": notice.template,
            "variables": dict(notice.variables),
            "at": self._context.clock.now().isoformat(timespec="seconds"),
        }
