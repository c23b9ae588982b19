"""A Milesight gateway with its embedded network server: one flat object for each uplink.

The topic is typed by the installer into the gateway's form, so the message is known by its shape: a ``devEUI`` and
``data`` (base64) or, with the gateway's own codec switched on, decoded keys beside them.

Source: reference devices-and-limits 2.3 (vendor's knowledge base).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from drivers.decode import strictjson
from drivers.decode.messages import Heard, Listening, Message, Uplink, moment
from drivers.decode.networkserver import best_link, payload_bytes, whole
from drivers.decode.topics import Pattern, TopicPattern, same
from gateway.errors import BadReply
from gateway.schema import Strict

_ENVELOPE = frozenset(
    {
        *(
            "applicationID",
            "applicationName",
            "deviceName",
            "deviceProfileName",
            "devEUI",
            "devEui",
            "devAddr",
        ),
        *("data", "fCnt", "fPort", "adr", "confirmed", "time", "rxInfo", "txInfo", "gatewayTime", "metadata"),
        "cellularIP",
    }
)


class Settings(Strict):
    """Where the gateway publishes uplinks.

    Attributes:
        topic: As typed into the gateway; ``{device}`` or ``+`` for ``$deveui``.
    """

    topic: TopicPattern


class Listener(Listening):
    """Understands the gateway's uplinks."""

    def __init__(self, settings: Settings, addresses: Sequence[str], zone: tzinfo) -> None:
        self._pattern = Pattern(settings.topic)

    def filters(self) -> list[str]:
        """The typed topic."""
        return self._pattern.filters()

    def hear(self, message: Message) -> Sequence[Heard] | None:
        """One uplink; ``None`` for what has not its shape."""
        place = self._pattern.match(message.topic)
        if place is None:
            return None
        body = strictjson.parse(message.payload)
        if not isinstance(body, dict) or not ({"devEUI", "devEui"} & set(body)):
            return None
        address = same(strictjson.text_of(body.get("devEUI", body.get("devEui")), "devEUI"))
        if place.get("device") and same(place["device"]) != address:
            raise BadReply(f"the message says DevEUI {address}, its topic says {place['device'][:40]}")
        count = whole(body.get("fCnt"), "fCnt", 2**32 - 1)
        uplink = Uplink(
            payload=payload_bytes(body.get("data")),
            port=whole(body.get("fPort"), "fPort", 255),
            count=count,
            session=strictjson.text_of(body.get("devAddr", ""), "devAddr"),
            server_object={key: value for key, value in body.items() if key not in _ENVELOPE} or None,
        )
        facts: dict[str, float | None] = {**best_link(body.get("rxInfo")), "f_cnt": float(count)}
        return [Heard(address, at=moment(body.get("time")), uplink=uplink, facts=facts)]
