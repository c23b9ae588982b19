"""What this box may switch: ``outputs:`` of the site file, the only list of it. Pure.

Nothing else is ever switched: a rule, a person and a test all name an output of this list, and a coil must be allowed
once more by ``writes:`` of its line.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.schema import Duration, Slug, Strict

LONGEST = timedelta(hours=1)
_URL = r"^https?://[A-Za-z0-9.:\[\]_-]{1,200}(/[\x21-\x7e]{0,200})?$"


class Output(Strict):
    """A siren, a relay, a loudspeaker, a screen.

    Attributes:
        name: What people read.
        kind: ``modbus_coil``: through the line that is running anyway. ``mqtt``: over a channel's broker. ``http``: a
            box that takes a POST.
        source: Of ``sources``, for a coil. unit: Its unit there. address: 0-based wire address of the coil.
        inverted: The coil is 0 when the thing is on (relays that fall to the safe side without power).
        channel: Of ``channels``, type ``mqtt``. topic: Where it is published.
        url: Where it is posted. token_file: File with what stands behind ``Bearer``.
        on: What is sent to switch it on; left out: a JSON object with ``on``, ``text``, ``for_s``, ``id``.
        off: What is sent to switch it off.
        max_duration: It is never on longer than this in one go, whoever asked for it.
        safe: How it is left at start, at the end, and when its time is over.
        interlock: Outputs that are never on at the same time as this one.
    """

    name: str = ""
    kind: Literal["modbus_coil", "mqtt", "http"]
    source: Slug | None = None
    unit: int | None = Field(default=None, ge=1, le=255)
    address: int | None = Field(default=None, ge=0, le=65535)
    inverted: bool = False
    channel: Slug | None = None
    topic: str | None = Field(default=None, pattern=r"^[^+#$\x00-\x1f][^+#\x00-\x1f]{0,200}$")
    url: str | None = Field(default=None, pattern=_URL)
    token_file: str | None = None
    on: str | None = None
    off: str | None = None
    max_duration: Annotated[Duration, Field(ge=timedelta(seconds=1), le=LONGEST)]
    safe: Literal["off", "on"] = "off"
    interlock: list[Slug] = Field(default_factory=list)

    @model_validator(mode="after")
    def _whole(self) -> Output:
        wants = {
            "modbus_coil": ("source", "unit", "address"),
            "mqtt": ("channel", "topic"),
            "http": ("url",),
        }
        for kind, keys in wants.items():
            for key in keys:
                given = getattr(self, key) is not None
                if kind == self.kind and not given:
                    raise ValueError(f"kind: {self.kind} needs {key}:")
                if kind != self.kind and given:
                    raise ValueError(f"{key}: belongs to kind: {kind}")
        if self.inverted and self.kind != "modbus_coil":
            raise ValueError("inverted: belongs to kind: modbus_coil")
        if (self.on is None) != (self.off is None):
            raise ValueError("on: and off: go together")
        return self

    @property
    def at_rest(self) -> bool:
        """Whether it is on when it is left alone."""
        return self.safe == "on"
