"""What somebody says who answers a message: a code, and perhaps what he wants. Pure.

A thumb types it: full-width digits, no space, a full stop behind it, the word before or behind the code are all one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Deed = Literal["ack", "accept", "arrive", "done"]
LONGEST = 200
_CODE = re.compile(r"(?<![0-9])[0-9]{4,6}(?![0-9])")
_DEEDS: tuple[tuple[Deed, re.Pattern[str]], ...] = (  # the furthest step of several counts
    (
        "done",
        re.compile(
            r"完成|办结|办好|办完|处理好|已处理完|已清|清运|好了|\bdone\b|\bfinished\b", re.IGNORECASE
        ),
    ),
    ("arrive", re.compile(r"到场|到达|到了|已到|\barrived?\b|\bon site\b", re.IGNORECASE)),
    ("accept", re.compile(r"接单|接了|我去|领取|\baccept(ed)?\b|\btake\b", re.IGNORECASE)),
    ("ack", re.compile(r"知悉|收到|确认|知道|\back\b|\bok\b|\byes\b", re.IGNORECASE)),
)
_ALL = re.compile(r"全部|所有|\ball\b", re.IGNORECASE)
_NOT = re.compile(r"没|未|不|无法|\bnot\b|\bno\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """What was understood.

    Attributes:
        codes: All codes in it, in order.
        deed: What he wants; a code alone takes the matter on.
        everything: He means all that he has been told.
        unsure: There is a no in it: what he wants is not done, he is asked.
    """

    codes: tuple[str, ...] = ()
    deed: Deed = "ack"
    everything: bool = False
    unsure: bool = False


def understood(text: str) -> Said:
    """What an answer means."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST])
    codes = tuple(dict.fromkeys(_CODE.findall(plain)))
    deed: Deed = next((deed for deed, words in _DEEDS if words.search(plain)), "ack")
    return Said(codes, deed, not codes and bool(_ALL.search(plain)), bool(_NOT.search(plain)))


def pressed(keys: str) -> Said | None:
    """What a key on the telephone means: 1 takes it on, 2 accepts the job."""
    meanings: dict[str, Deed] = {"1": "ack", "2": "accept"}
    deed = meanings.get(keys.strip()[:1])
    return None if deed is None else Said((), deed)
