"""What a server's answer to a write means for what was written. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlsplit

from gateway.errors import Misconfigured, Refused, TooLarge, Unavailable
from gateway.web.post import Reply

_DROPPED = re.compile(r"dropped=(\d+)")  # InfluxDB 1.x and 2.x, "partial write: … dropped=3"


def judge(reply: Reply, now: datetime, lines: int) -> None:
    """What an answer to a write means; returns when everything is stored.

    Args:
        reply: The answer.
        now: For a Retry-After that is a date.
        lines: How many were sent; 0 when it was no write.

    Raises:
        Unavailable: 408, 429 and 5xx: keep, try later.
        TooLarge: 413.
        Refused: 400 and 422, in the server's words; with every line as culprit when it says that it dropped them all.
        Misconfigured: Everything else (401, 403, 404, a redirect, a page with 200, ...): keep, a person must act.

    Source: storage-and-dashboards 1.4.
    """
    words = reply.words
    match reply.status:
        case 204:
            return
        case 200 if not lines or not reply.body:
            return
        case 400 | 422:
            dropped = _DROPPED.search(words)
            whole = dropped is not None and 0 < lines <= int(dropped.group(1))
            raise AllRefused(words) if whole else Refused(words)
        case 413:
            raise TooLarge(words)
        case 408 | 429:
            raise Unavailable(f"HTTP {reply.status}: {words}", reply.retry_after(now))
        case status if status >= 500:
            raise Unavailable(f"HTTP {status}: {words}", reply.retry_after(now))
        case 401 | 403:
            raise Misconfigured(f"the server does not let us in (HTTP {reply.status}): {words}")
        case status if 300 <= status < 400:
            place = urlsplit(reply.headers.get("location", ""))
            shown = f"{place.scheme}://{place.netloc}" if place.netloc else "another address"
            raise Misconfigured(
                f"the server sends us on to {shown} (HTTP {status}); write the final address as url:"
            )
        case status:
            raise Misconfigured(f"HTTP {status}: {words}")


class AllRefused(Refused):
    """A refusal of every line that was sent; ``culprits`` is filled in by who knows which entries they were."""
