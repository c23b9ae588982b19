"""A Telegram bot.

::

    channels:
      telegram:
        type: telegram
        token_file: telegram-token     # from @BotFather
        chat: "-1001234567890"         # for who has no chat of his own
        listen: true                   # hear what people answer; then nobody else may ask for this bot's updates

An address is the number of a chat (a person must have written to the bot first) or ``@name`` of a channel. The
picture follows as a message of its own.

Sources: core.telegram.org/bots/api (sendMessage: 1-4096 characters; sendPhoto: up to 10 MB; ``ok`` and
``description`` in the body, ``parameters.retry_after`` when too fast) and /bots/faq (about 30 messages a second, 20 a
minute in one group), getUpdates (long polling; what is asked for beyond an offset is forgotten below it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from gateway.contracts import ChannelContext, Delivered, Heard
from gateway.credentials import Secret
from gateway.errors import Broken, DeliveryError, Retry, Undeliverable
from gateway.model import Notice, Severity
from gateway.notify.picture import form
from gateway.notify.picture import problem as picture_problem
from gateway.notify.provider import Answer, Provider, needed_secret
from gateway.notify.text import fit, utf16_units, whole
from gateway.schema import Strict
from gateway.web.door import Url

ROOM_UNITS = 4096
PICTURE_BYTES = 2 * 1024 * 1024
LONGEST_TEXT = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_WAIT_S = 300  # a wrong figure must not silence a channel for a day
_CHAT = r"^(-?\d{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31})$"
_TOKEN = re.compile(r"\d{3,20}:[A-Za-z0-9_-]{20,64}")


class Settings(Strict):
    """One bot.

    Attributes:
        token_file: File with its token.
        chat: For messages without an address.
        listen: Whether answers are heard.
        url: Of the service.
    """

    token_file: str
    chat: str | None = Field(default=None, pattern=_CHAT)
    listen: bool = False
    url: Url = "https://api.telegram.org"


class Channel:
    """The bot."""

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        self._settings = settings
        self._context = context
        self._provider = Provider(settings.url, context.clock)
        self._closed = False
        self._mark = context.state_dir / "offset"

    @property
    def listens(self) -> bool:
        """Whether it asks for updates."""
        return self._settings.listen

    def hear(self, wait_s: float) -> Sequence[Heard]:
        """See :class:`gateway.contracts.Hearing`; one long poll."""
        if self._closed:
            return ()
        seconds = int(min(wait_s, max(0.0, self._provider.total_s - 5)))
        document = {"offset": self._offset(), "timeout": seconds, "limit": 50, "allowed_updates": ["message"]}
        answer = self._ask(self._token(), "getUpdates", document=document)
        found = answer.document.get("result")
        return [
            heard
            for update in (found if isinstance(found, list) else ())
            if (heard := _heard(update)) is not None
        ]

    def taken(self, heard: Sequence[Heard]) -> None:
        """See :class:`gateway.contracts.Hearing`: the next question begins behind these."""
        after = max(int(one.id) for one in heard) + 1
        try:
            self._mark.parent.mkdir(parents=True, exist_ok=True)
            self._mark.write_text(str(after), encoding="ascii")
        except OSError as error:
            raise Retry(f"{self._mark} cannot be written ({error.strerror})") from error

    def _offset(self) -> int:
        try:
            return int(self._mark.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0

    def _token(self) -> Secret:
        token = needed_secret(self._settings.token_file, "token_file")
        if not _TOKEN.fullmatch(token.reveal()):
            raise Broken(
                f"{self._settings.token_file} holds no token of a bot, which looks like 12345:AbC..."
            )
        return token

    def unfit(self, notice: Notice) -> str:
        """An address is the number or name of a chat."""
        if re.fullmatch(_CHAT, notice.to) or (not notice.to and self._settings.chat):
            return ""
        if not notice.to:
            return "no chat; write its number as the address, or chat: in the channel's settings"
        return f"{notice.to!r} is no chat; write its number, or @name of a channel"

    def deliver(self, notice: Notice) -> Delivered:
        """See :class:`gateway.contracts.Channel`; a picture that is refused does not take back the text."""
        if problem := self.unfit(notice):
            raise Undeliverable(problem)
        token = self._token()
        chat = notice.to or self._settings.chat or ""
        text = fit(whole(notice, self._context), ROOM_UNITS, self._context.language, utf16_units)
        quiet = notice.severity < Severity.YELLOW
        document = {"chat_id": chat, "text": text, "disable_notification": quiet}
        answer = self._ask(token, "sendMessage", document=document)
        result = answer.document.get("result")
        number = result.get("message_id") if isinstance(result, Mapping) else None
        words = "ok"
        if notice.picture is not None:
            words += f"; picture: {self._show(token, chat, notice.picture)}"
        return Delivered(str(number) if isinstance(number, int) else "", words)

    def close(self) -> None:
        """Nothing stays open; a long poll that is on ends by itself."""
        self._closed = True

    def _show(self, token: Secret, chat: str, picture: bytes) -> str:
        if problem := picture_problem(picture, PICTURE_BYTES):
            return problem
        body, headers = form({"chat_id": chat}, "photo", picture)
        try:
            self._ask(token, "sendPhoto", body=body, headers=headers)
        except DeliveryError as error:
            return str(error)
        return "ok"

    def _ask(self, token: Secret, method: str, **what: Any) -> Answer:
        answer = self._provider.ask(f"/bot{token.reveal()}/{method}", hide=[token], **what)
        if answer.good and answer.document.get("ok") is True:
            return answer
        words = answer.text("description")
        match answer.number("error_code"):
            case 400 | 403:  # chat not found, bot was blocked by the user, ...: this person only
                raise Undeliverable(f"{words}{_moved(answer)}")
            case 409:  # somebody else takes this bot's updates, or has set a webhook
                raise Broken(words)
            case 429:
                raise Retry(words, _wait(answer))
        raise answer.fault(words)


def _heard(update: object) -> Heard | None:
    """An update as somebody's words; what is none (a sticker, a group's news) comes with no text and is let go."""
    if not isinstance(update, Mapping) or not isinstance(update.get("update_id"), int):
        return None
    message = update.get("message")
    known = message if isinstance(message, Mapping) else {}
    chat, text, date = known.get("chat"), known.get("text"), known.get("date")
    number = chat.get("id") if isinstance(chat, Mapping) else None
    at = datetime.fromtimestamp(date, UTC) if isinstance(date, int) and 0 < date < 1 << 33 else EPOCH
    return Heard(
        str(update["update_id"]),
        str(number) if isinstance(number, int) else "",
        text[:LONGEST_TEXT] if isinstance(text, str) else "",
        at,
    )


def _parameter(answer: Answer, key: str) -> int | None:
    parameters = answer.document.get("parameters")
    value = parameters.get(key) if isinstance(parameters, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _wait(answer: Answer) -> timedelta | None:
    seconds = _parameter(answer, "retry_after")
    return answer.after if seconds is None else timedelta(seconds=max(0, min(seconds, LONGEST_WAIT_S)))


def _moved(answer: Answer) -> str:
    """A group that became a supergroup has a new number."""
    number = _parameter(answer, "migrate_to_chat_id")
    return "" if number is None else f"; the chat is now {number}"
