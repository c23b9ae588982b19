"""What the Chinese group bots share: a signature, and a result code in the body."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Collection
from datetime import timedelta

from gateway.errors import Broken, DeliveryError, Retry, Undeliverable
from gateway.notify.phones import national
from gateway.notify.provider import Answer

EVERYBODY = "all"
_ABROAD = re.compile(r"\+[1-9]\d{0,3}-\d{5,14}")  # as DingTalk shows numbers of other countries


def member(to: str) -> str:
    """The mobile number by which a member of the group is called: eleven digits, or ``+852-...`` abroad.

    Raises:
        ValueError: It is none; the words hide its middle.
    """
    return to if _ABROAD.fullmatch(to) and not to.startswith("+86-") else national(to)


def unfit(to: str) -> str:
    """Why an address is neither a member nor everybody nor the group; empty when it is."""
    if to in {"", EVERYBODY}:
        return ""
    try:
        member(to)
    except ValueError as error:
        return f"{error}; or write all, or nothing for the group"
    return ""


def signature(key: bytes, message: bytes) -> str:
    """HMAC-SHA256 in Base64, as DingTalk and Feishu want it."""
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode("ascii")


def judged(
    answer: Answer,
    *,
    code: int | None,
    words: str,
    later: Collection[int] = (),
    text: Collection[int] = (),
    wait: timedelta | None = None,
) -> DeliveryError | None:
    """What a bot's answer means; ``None`` when it has taken the message.

    Args:
        answer: The answer.
        code: The result code in its body; ``None`` when there is none.
        words: The service's own sentence.
        later: Codes that say: too fast, busy.
        text: Codes that say: this message or this person is no good.
        wait: How long to wait after ``later``.
    """
    if not answer.good or code is None:
        return answer.fault(words)
    said = f"{words} (code {code})"
    if code == 0:
        return None
    if code in later:
        return Retry(said, answer.after or wait)
    return Undeliverable(said) if code in text else Broken(said)
