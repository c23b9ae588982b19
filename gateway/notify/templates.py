"""Approved templates: a cloud SMS or call is never free text, but a template's id and a few short typed variables.

Characters and lengths are refused here, in words, before anything is sent: what the provider refuses cannot be sent by
trying again. Sources: alerting reference 2 ("channel facts"); Aliyun template and variable rules (units in Chinese
characters, no special signs, no mobile numbers, no links in variables); Tencent product 382/13301 (no links).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from gateway.model import Notice
from gateway.schema import Strict

DEFAULT = "default"  # the template for every kind of message that has none of its own

_KINDS = {
    "text": (re.compile(r".+"), "words"),
    "number": (re.compile(r"[-+]?[0-9]+(\.[0-9]+)?"), "a number in digits"),
    "code": (re.compile(r"[A-Za-z0-9-]+"), "letters and digits"),
    "time": (re.compile(r"[0-9年月日时分秒点 :/.-]+"), "a date or time in digits"),
}
_LINK = re.compile(r"(?i)\b(https?|ftp)://|\bwww\.|\b[a-z0-9-]+\.(com|cn|net|org|gov|top|vip|io)\b")
_MOBILE = re.compile(r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])")
_REMEDY = {
    "²": "write 平方米",
    "³": "write 立方米",
    "℃": "write 摄氏度",
    "°": "write 度",
    "μ": "write 微",
    "µ": "write 微",
}
_SIGNS = "•·①②③④⑤⑥⑦⑧⑨⑩★☆→←↑↓【】¥￥※■□●○◆◇▲△▼▽"


class Variable(Strict):
    """One variable of an approved template.

    Attributes:
        kind: ``text``, ``number``, ``code`` or ``time``: as it was filed with the template.
        most: Most characters (a Chinese character counts as one); the channel's own limit where it is left out.
    """

    kind: Literal["text", "number", "code", "time"] = "text"
    most: Annotated[int, Field(ge=1, le=500)] | None = None


class Template(Strict):
    """One approved template.

    Attributes:
        code: Its id at the provider.
        variables: By name, in the order in which the template numbers them. ``subject`` and ``text`` of the message may
            be used like any other.
    """

    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    variables: dict[str, Variable] = Field(default_factory=dict)


AnyTemplate = TypeVar("AnyTemplate", bound=Template)


def template_of(templates: Mapping[str, AnyTemplate], notice: Notice) -> AnyTemplate:
    """The template for this kind of message.

    Raises:
        ValueError: There is none.
    """
    found = templates.get(notice.template) or templates.get(DEFAULT)
    if found is None:
        kind = notice.template or "a message without a kind"
        known = ", ".join(sorted(templates)) or "none"
        raise ValueError(
            f"no approved template for {kind!r}; there are: {known}; add it, or one called {DEFAULT!r}"
        )
    return found


def fill(template: Template, notice: Notice, *, most: int) -> dict[str, str]:
    """The values of a template's variables, checked.

    Args:
        template: Whose variables.
        notice: Where the values come from.
        most: Characters a variable may have where the template does not say.

    Raises:
        ValueError: One is absent, empty, too long, or holds what the provider refuses; all of them, in words.
    """
    own = {"subject": notice.subject, "text": notice.text}
    faults, filled = [], {}
    for name, variable in template.variables.items():
        value = (notice.variables.get(name) or own.get(name, "")).strip()
        fault = _fault(value, variable, most)
        if fault:
            faults.append(f"variable {name!r} {fault}")
        filled[name] = value
    if faults:
        raise ValueError("; ".join(faults))
    return filled


def _fault(value: str, variable: Variable, most: int) -> str:
    if not value:
        return "is empty; a template takes no empty variable"
    limit = variable.most or most
    if len(value) > limit:
        return f"has {len(value)} characters; at most {limit}"
    pattern, meaning = _KINDS[variable.kind]
    if not value.isprintable():
        return "holds a line end or another sign that cannot be printed; one line of plain text"
    for letter in value:
        if letter in _REMEDY:
            return f"holds {letter!r}, which is refused; {_REMEDY[letter]}"
        if letter in _SIGNS or ord(letter) > 0xFFFF:
            return f"holds {letter!r}, which is refused; plain letters, digits and punctuation only"
    if not pattern.fullmatch(value):
        return f"must be {meaning}"
    if _LINK.search(value):
        return "holds a link, which is refused; the address stands in the template itself, the variable is a code"
    if _MOBILE.search(value):
        return "holds a mobile number, which is refused"
    return ""
