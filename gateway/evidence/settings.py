"""What a site says about its evidence: how long, how much, how much of it can be recognised. Pure."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from gateway.evidence.retention import KEEP, LARGEST_BYTES
from gateway.schema import Duration, Size, Strict

Blur = Literal["auto", "boxes_only", "off"]
Clip = Literal["auto", "off", "blurred", "sealed", "plain"]


class EvidenceSettings(Strict):
    """Of all cameras of one worker.

    Attributes:
        folder: Where it lies; default ``evidence`` in the worker's state folder.
        keep: The term; deleted within a day after it.
        largest: Most bytes; the oldest go first.
        blur: ``auto`` makes faces and plates unreadable before anything is written, and draws boxes on a grey ground
            where no model can say where they are; ``boxes_only`` does so always; ``off`` keeps pictures as they are.
        blur_models: Names of models that find faces and plates, or people and vehicles; default: whichever of the
            worker's models know people and vehicles.
        clip: ``auto`` is ``blurred`` where a model can find what must be covered, else ``sealed`` where there is a key,
            else no clip; ``plain`` goes with ``blur: off`` only.
        key: The township's public key (``village vision keys new``); the box cannot read what it seals with it.
        original: The uncovered snapshot is kept as well, sealed.
        in_messages: Covered pictures go out with messages (to wherever a channel leads; reliability reference,
            "Privacy": not by default).
        ring: Where the last seconds of the main stream wait; default a folder in memory, else in the state folder.
    """

    folder: Path | None = None
    keep: Duration = KEEP
    largest: Size = Field(default=LARGEST_BYTES, ge=10_000_000)
    blur: Blur = "auto"
    blur_models: list[str] = Field(default_factory=list)
    clip: Clip = "auto"
    key: Path | None = None
    original: bool = False
    ring: Path | None = None
    in_messages: bool = False

    @field_validator("keep")
    @classmethod
    def _a_lawful_term(cls, keep: timedelta) -> timedelta:
        if not timedelta(days=1) <= keep <= timedelta(days=180):
            raise ValueError("evidence is kept for 1d to 180d")
        return keep

    @model_validator(mode="after")
    def _fits_together(self) -> EvidenceSettings:
        if self.clip == "plain" and self.blur != "off":
            raise ValueError(
                "clip: plain shows faces and plates; write blur: off as well, or clip: blurred or sealed"
            )
        if (self.clip == "sealed" or self.original) and self.key is None:
            raise ValueError("clip: sealed and original: true need key, made by 'village vision keys new'")
        return self
