"""What the messages of all LoRaWAN network servers have in common."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from drivers.decode import strictjson
from gateway.errors import BadReply


def payload_bytes(text: Any) -> bytes:
    """Base64 as bytes; nothing as no bytes.

    Raises:
        BadReply: It is not base64.
    """
    if text is None or text == "":
        return b""
    if not isinstance(text, str):
        raise BadReply("data is no text")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadReply("data is not base64") from error


def whole(value: Any, what: str, highest: int) -> int:
    """A counter or port; a missing one is 0.

    Raises:
        BadReply: It is no whole number from 0 to ``highest``.
    """
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= highest:
        raise BadReply(f"{what} is no number from 0 to {highest}")
    return value


def best_link(receptions: Any) -> dict[str, float]:
    """Signal figures of the gateway that heard it best; a missing snr is 0 dB, a missing rssi says nothing."""
    best: dict[str, float] = {}
    for entry in strictjson.list_of(receptions, "the list of gateways"):
        reception = strictjson.mapping_of(entry, "a gateway")
        rssi = strictjson.number_of(reception.get("rssi"))
        if rssi is None or rssi <= best.get("rssi", -1e9):
            continue
        snr = strictjson.number_of(reception.get("snr", reception.get("loRaSNR", 0)))
        best = {"rssi": rssi} if snr is None else {"rssi": rssi, "snr": snr}
    return best
