"""Push messages through ntfy.sh or a server of one's own.

::

    channels:
      push:
        type: ntfy
        url: https://ntfy.example      # default https://ntfy.sh
        topic: village-4711-duty       # for who has no topic of his own
        token_file: ntfy-token         # if the server wants one

An address is a topic; on a public server whoever knows it reads it, so it should not be guessable. Orange is high,
red is the highest priority and rings through. The picture follows as a message of its own.

Sources: docs.ntfy.sh/publish (JSON, priorities 1-5, 4096 bytes of text, topics of letters, digits, - and _).
"""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field

from gateway.contracts import ChannelContext, Delivered
from gateway.credentials import Secret
from gateway.errors import DeliveryError, Undeliverable
from gateway.model import Notice, Severity
from gateway.notify.picture import kind_of
from gateway.notify.picture import problem as picture_problem
from gateway.notify.provider import Answer, Provider, needed_secret
from gateway.notify.text import fit, headline, plain
from gateway.schema import Strict
from gateway.web.door import Url

ROOM_BYTES = 4096
TITLE_BYTES = 250
PICTURE_BYTES = 2 * 1024 * 1024  # ntfy.sh takes 2 MB of a guest
_TOPIC = r"^[-_A-Za-z0-9]{1,64}$"
_PRIORITY = {Severity.RED: 5, Severity.ORANGE: 4}


class Settings(Strict):
    """One server.

    Attributes:
        url: Of the server.
        topic: For messages without an address.
        token_file: File with an access token.
        ca_file: Certificates to trust instead of the system's.
    """

    url: Url = "https://ntfy.sh"
    topic: str | None = Field(default=None, pattern=_TOPIC)
    token_file: str | None = None
    ca_file: Path | None = None


class Channel:
    """The server."""

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        self._settings = settings
        self._context = context
        self._provider = Provider(settings.url, context.clock, settings.ca_file)

    def unfit(self, notice: Notice) -> str:
        """An address is a topic."""
        if re.fullmatch(_TOPIC, notice.to) or (not notice.to and self._settings.topic):
            return ""
        if not notice.to:
            return "no topic; write one as the address, or topic: in the channel's settings"
        return f"{notice.to!r} is no topic: letters, digits, - and _, at most 64"

    def deliver(self, notice: Notice) -> Delivered:
        """See :class:`gateway.contracts.Channel`; a picture that is refused does not take back the text."""
        if problem := self.unfit(notice):
            raise Undeliverable(problem)
        topic = notice.to or self._settings.topic or ""
        hide = [Secret(topic)]  # who knows it may read along
        headers = {}
        if self._settings.token_file is not None:
            token = needed_secret(self._settings.token_file, "token_file")
            hide.append(token)
            headers["Authorization"] = f"Bearer {token.reveal()}"
        language = self._context.language
        document = {
            "topic": topic,
            "title": fit(headline(notice, self._context), TITLE_BYTES, language),
            "message": fit(plain(notice.text).strip() or plain(notice.subject), ROOM_BYTES, language),
            "priority": _PRIORITY.get(notice.severity, 3),
        }
        answer = _good(self._provider.ask("", document=document, headers=headers, hide=hide))
        words = "published"
        if notice.picture is not None:
            words += f"; picture: {self._show(topic, notice.picture, headers, hide)}"
        return Delivered(answer.text("id"), words)

    def close(self) -> None:
        """Nothing stays open."""

    def _show(self, topic: str, picture: bytes, headers: dict[str, str], hide: list[Secret]) -> str:
        if problem := picture_problem(picture, PICTURE_BYTES):
            return problem
        _, end = kind_of(picture) or ("", "bin")
        said = {**headers, "Filename": f"picture.{end}"}
        try:
            _good(self._provider.ask(f"/{topic}", method="PUT", body=picture, headers=said, hide=hide))
        except DeliveryError as error:
            return str(error)
        return "published"


def _good(answer: Answer) -> Answer:
    """A message that was taken has an id; a proxy's page with HTTP 200 has none."""
    if not answer.good or not answer.text("id") or "error" in answer.document:
        raise answer.fault(answer.text("error"))
    return answer
