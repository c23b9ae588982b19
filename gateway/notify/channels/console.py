"""Messages on the terminal, for trying things out.

::

    channels:
      screen: {type: console}

They go to standard error, line by line, and never anywhere else: nobody is told while nobody looks.
"""

from __future__ import annotations

import sys

from gateway.contracts import ChannelContext, Delivered
from gateway.errors import Retry
from gateway.model import Notice
from gateway.notify.picture import kind_of
from gateway.schema import Strict


class Settings(Strict):
    """There is nothing to set."""


class Channel:
    """The terminal."""

    def __init__(self, settings: Settings, context: ChannelContext) -> None:
        del settings
        self._context = context

    def unfit(self, notice: Notice) -> str:
        """Everything fits."""
        del notice
        return ""

    def deliver(self, notice: Notice) -> Delivered:
        """Show it; control characters are made visible, so that no text can move the cursor."""
        head = f"[{self._context.site}] {notice.severity.word} -> {notice.to or '*'}: {notice.subject}"
        lines = [head, *(f"    {line}" for line in notice.text.splitlines())]
        if notice.picture is not None:
            lines.append(f"    [{_described(notice.picture)}]")
        shown = ["".join(sign if sign.isprintable() else "?" for sign in line) for line in lines]
        try:
            sys.stderr.write("\n".join(shown) + "\n")
            sys.stderr.flush()
        except OSError as error:
            raise Retry(f"the terminal is gone ({error.strerror})") from error
        return Delivered("", "shown", "delivered")

    def close(self) -> None:
        """Nothing is open."""


def _described(picture: bytes) -> str:
    """What a terminal can show of it: its kind and its size."""
    kind, _ = kind_of(picture) or ("picture", "")
    size = f"{len(picture)} B" if len(picture) < 1000 else f"{len(picture) / 1000:.0f} kB"
    return f"{kind.upper()}, {size}"
