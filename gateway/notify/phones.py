"""Telephone numbers: read as people write them, given as each far side wants them, shown with their middle hidden."""

from __future__ import annotations

import re

_FILLING = re.compile(r"[\s().-]")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")  # national numbering plan of China: eleven digits, second one 3 to 9
_LANDLINE = re.compile(r"0[1-9][0-9]{8,10}")  # area code with its zero, then seven or eight digits
_FOREIGN = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164: at most fifteen digits
_LONG_DIGITS = re.compile(r"\+?[0-9]{7,}")


def national(number: str, *, landline: bool = False) -> str:
    """A Chinese number without its country code, e.g. ``13900000000``.

    Args:
        number: With or without ``+86``, blanks and dashes.
        landline: Whether a fixed line (``0571...``) will do: it can be called, but gets no SMS.

    Raises:
        ValueError: It is none; the words hide its middle.
    """
    written = _FILLING.sub("", number)
    plain = written.removeprefix("+86").removeprefix("0086")
    if plain.startswith("86") and len(plain) == 13:
        plain = plain[2:]
    if plain != written and not plain.startswith(("0", "1")):
        plain = "0" + plain  # a fixed line loses the zero of its area code behind +86
    if _MOBILE.fullmatch(plain) or (landline and _LANDLINE.fullmatch(plain)):
        return plain
    right = "eleven digits such as 139xxxxxxxx" + (", or a fixed line with its area code" if landline else "")
    raise ValueError(f"{masked(number)!r} is no telephone number of the mainland; {right}")


def e164(number: str, *, landline: bool = False) -> str:
    """A number with its country code, e.g. ``+8613900000000``; one without is taken for a Chinese one.

    Raises:
        ValueError: It is none.
    """
    plain = _FILLING.sub("", number)
    if plain.startswith("+") and not plain.startswith("+86"):
        if _FOREIGN.fullmatch(plain):
            return plain
        raise ValueError(f"{masked(number)!r} is no telephone number; write + and at most fifteen digits")
    return "+86" + national(plain, landline=landline).removeprefix("0")


def masked(text: str) -> str:
    """Any text with the middle of its long numbers hidden: a person's number is never shown whole."""
    return _LONG_DIGITS.sub(lambda found: f"{found[0][:3]}****{found[0][-2:]}", text)
