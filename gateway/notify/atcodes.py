"""What a modem's error numbers mean for us.

Sources: ``+CMS ERROR``: 3GPP TS 27.005 3.2.5, numbers below 128 from TS 24.011 annex E; ``+CME ERROR``: TS 27.007 9.2.
"""

from __future__ import annotations

from gateway.notify.cloud import Verdict, broken, retry, undeliverable

CMS: dict[int, Verdict] = {
    1: undeliverable("nobody has this number"),
    8: broken("the operator has barred this card from sending"),
    10: broken("this card may not send"),
    21: undeliverable("the network refused the message (often: no money on the card)"),
    27: retry("the telephone is out of service", 300),
    28: undeliverable("the number is unknown"),
    29: broken("the network does not let this card send"),
    30: undeliverable("the number is unknown"),
    38: retry("the network is out of order"),
    41: retry("the network has a temporary failure"),
    42: retry("the network is crowded"),
    47: retry("the network has no room now"),
    50: broken("SMS is not part of this card's contract"),
    300: retry("the modem failed"),
    302: broken("the modem may not send"),
    304: undeliverable("the modem does not take this message"),
    305: undeliverable("the modem does not take this message"),
    310: broken("there is no SIM card"),
    311: broken("the SIM card wants its PIN; write pin_file:"),
    312: broken("the SIM card is locked to another telephone"),
    313: broken("the SIM card failed"),
    314: retry("the SIM card is busy"),
    315: broken("this is no SIM card for this modem"),
    316: broken("the SIM card wants its PUK: put it into a telephone and type that in"),
    320: retry("the modem's memory failed"),
    322: retry("the memory for messages is full"),
    330: broken("the card does not know its service centre's number"),
    331: retry("there is no network"),
    332: retry("the network did not answer in time"),
    500: retry("the modem does not know why"),
}
CME: dict[int, Verdict] = {
    3: retry("the modem may not do that now"),
    4: broken("this modem cannot do that"),
    10: broken("there is no SIM card"),
    11: broken("the SIM card wants its PIN; write pin_file:"),
    12: broken("the SIM card wants its PUK: put it into a telephone and type that in"),
    13: broken("the SIM card failed"),
    14: retry("the SIM card is busy"),
    15: broken("this is no SIM card for this modem"),
    16: broken("the PIN is wrong"),
    17: broken("the SIM card wants its second PIN"),
    18: broken("the SIM card wants its second PUK"),
    20: retry("the modem's memory is full"),
    30: retry("there is no network"),
    31: retry("the network did not answer in time"),
    32: broken("only emergency calls are allowed"),
    100: retry("the modem does not know why"),
}


def meaning(line: str) -> Verdict:
    """What ``ERROR``, ``+CMS ERROR: 38`` or ``+CME ERROR: 10`` means; an unknown number is worth another try."""
    family, _, number = line.partition(":")
    table = CMS if family.startswith("+CMS") else CME if family.startswith("+CME") else {}
    code = number.strip()
    known = table.get(int(code)) if code.isdecimal() and len(code) < 5 else None
    return known or retry("the modem said no")
