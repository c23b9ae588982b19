"""A device model, as its file in ``config/catalogue/`` says: where each value is on the wire, and what it means.

One file is one model. Its ``examples:`` are its test; ``village check`` and the contract suite run them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from gateway.quantities import Checks
from gateway.schema import Duration, LengthMm, Slug, Strict

RegisterType = Literal[
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float32",
    "float64",
    "bcd16",
    "bcd32",
    "bit",
    "string",
]
WordOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]
Order = Literal["ABCD", "CDAB", "BADC", "DCBA"]


class Text(Strict):
    """The same words in both languages."""

    en: str
    zh: str


class Source(Strict):
    """Where the numbers of a file come from.

    Attributes:
        name: Document, manual or repository.
        revision: Date, version or commit.
        page: Page, section or file.
        url: Where to find it, if it is public.
        verified: ``document`` read there, ``computed`` from a documented format, ``secondary`` quoted by others.
    """

    name: str
    revision: str = ""
    page: str = ""
    url: str = ""
    verified: Literal["document", "computed", "secondary"] = "document"


class Register(Strict):
    """Where one field lies in a Modbus device.

    Attributes:
        function: 1 coils, 2 discrete inputs, 3 holding registers, 4 input registers.
        address: 0-based wire address, never "40001".
        type: How the registers are read; ``bit`` with ``bit`` picks one bit of a register (or a coil).
        order: Byte and word order of what is longer than a register; default the model's. A single register and a
            string are only swapped (BADC, DCBA) where the register itself says so.
        bit: 0 = least significant.
        count: Registers of a string.
        scale: Value = raw * scale + offset, in the unit of the reading.
        offset: See scale.
        decimals_from: Field whose low byte is the number of decimals (Kuntze): value = raw / 10**that.
        missing: Raw values (as the type reads them, or their bit pattern) that mean "no value", with the word for why.
        unit: Another unit id than the device's (two registers under two ids in one housing), as they leave the
            factory; a device at another address moves with both.
        period: Another poll period than the device's.
    """

    function: Literal[1, 2, 3, 4] = 3
    address: int = Field(ge=0, le=65535)
    type: RegisterType = "uint16"
    order: Order | None = None
    bit: int | None = Field(default=None, ge=0, le=15)
    count: int = Field(default=1, ge=1, le=125)
    scale: float = 1.0
    offset: float = 0.0
    decimals_from: str | None = None
    missing: dict[int, str] = Field(default_factory=dict)
    unit: int | None = Field(default=None, ge=0, le=255)
    period: Duration | None = None

    @field_validator("missing", mode="before")
    @classmethod
    def _hex_too(cls, missing: Any) -> Any:
        if not isinstance(missing, dict):
            return missing
        return {int(key, 16) if str(key).startswith("0x") else key: word for key, word in missing.items()}

    @model_validator(mode="after")
    def _readable(self) -> Register:
        if self.function in {1, 2} and (self.type != "bit" or self.bit is not None):
            raise ValueError("a coil or discrete input is of type: bit, without bit:")
        if self.function in {3, 4} and (self.type == "bit") != (self.bit is not None):
            raise ValueError("type: bit and bit: 0..15 belong together")
        if self.address + self.width > 65536:
            raise ValueError("reaches beyond register 65535")
        return self

    @property
    def width(self) -> int:
        """How many registers (or coils) it takes."""
        widths = {"uint32": 2, "int32": 2, "float32": 2, "bcd32": 2, "uint64": 4, "int64": 4, "float64": 4}
        return self.count if self.type == "string" else widths.get(self.type, 1)


class Serial(Strict):
    """How the device's RS-485 port is set when it leaves the factory."""

    baud: int = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop: Literal[1, 2] = 1
    unit: int = Field(default=1, ge=0, le=255)


class Limits(Strict):
    """What one request may ask of the device.

    Attributes:
        registers: Most registers in one request (the protocol allows 125).
        bits: Most coils or discrete inputs in one request (the protocol allows 2000).
        hole: Most unlisted registers read along between two wanted ones; 0 for devices that refuse them.
        gap: Silence before each request.
    """

    registers: int = Field(default=60, ge=1, le=125)
    bits: int = Field(default=256, ge=1, le=2000)
    hole: int = Field(default=0, ge=0, le=64)
    gap: Duration = timedelta(0)


class Preparation(Strict):
    """One request that makes a device measure, sent before its registers are read; nothing else is ever sent by itself.

    Attributes:
        function: 3 reads one register (some makers start a measurement that way), 6 writes one, 16 writes several.
        address: 0-based wire address.
        values: What is written; empty for a read (and for a maker's command that writes no register).
        wait: How long the device then needs until its registers hold the new value; the line serves others meanwhile.
    """

    function: Literal[3, 6, 16] = 6
    address: int = Field(ge=0, le=65535)
    values: list[Annotated[int, Field(ge=0, le=65535)]] = Field(default_factory=list, max_length=8)
    wait: Duration = timedelta(0)

    @model_validator(mode="after")
    def _as_many_as_the_function_takes(self) -> Preparation:
        if self.function == 6 and len(self.values) != 1:
            raise ValueError("function 6 writes exactly one value")
        if self.function == 3 and self.values:
            raise ValueError("function 3 reads: it takes no values")
        return self


class Meaning(Strict):
    """What one field of a device means.

    Attributes:
        field: Name the decoder or register map gives it; default the quantity's own name.
        unit: In which unit the field comes; converted to the quantity's one unit. Default: already in it.
        span: What the device can measure, in the quantity's unit; outside is no value ("out of range").
        states: For words and codes: what each becomes as a number.
        missing: Values that mean "no value" in what others decoded (a JSON device, a network server, a vendor's codec),
            with the word for why; our own decoders tell from the bytes.
        server: Other names of the field in the object that a network server's codec makes.
        checks: What the grader holds against it for this model, instead of the quantity's defaults.
        page: Where the number stands in the source.
    """

    field: str | None = Field(default=None, alias="from")
    unit: str | None = None
    span: tuple[float, float] | None = None
    states: dict[str, float] | None = None
    missing: dict[str, str] = Field(default_factory=dict)
    server: list[str] = Field(default_factory=list)
    checks: Checks | None = None
    page: str = ""


class Example(Strict):
    """Raw bytes or a message, and what must come of it.

    Attributes:
        port: LoRaWAN fPort.
        hex: Payload, or one whole Modbus RTU reply.
        request: The Modbus RTU request the reply answers; names the registers.
        json: A JSON payload, for JSON devices.
        readings: Quantity -> value in the quantity's unit; null = no value. Exactly these must come out.
        diagnostics: Words that must be among the diagnostics.
        at: Device time of the (first) sample, for history frames.
        note: Where it comes from.
    """

    port: int | None = None
    hex: str | None = None
    request: str | None = None
    json_payload: Any = Field(default=None, alias="json")
    readings: dict[str, float | None] = Field(default_factory=dict)
    diagnostics: list[str] = Field(default_factory=list)
    at: str | None = None
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    note: str = ""


class DeviceModel(Strict):
    """One file of the catalogue.

    Attributes:
        model: Its name: the file's name without ``.yaml``.
        maker: Who builds it.
        title: What people read.
        also: Other names it answers to (the maker's own, a network server's model id).
        domain: Which function of the village it serves.
        wire: ``lorawan`` bytes, ``modbus`` registers, ``json`` objects, ``serial`` a maker's own frames.
        documents: Where the numbers come from.
        interval: How often it reports by itself, or should be polled.
        blind: Blind zone of a distance sensor.
        decoder: LoRaWAN: module under ``drivers/decode/lorawan/``; serial: module under ``drivers/decode/serial/``;
            ``json`` fields are dotted paths.
        codec: LoRaWAN: a vendor's JavaScript file (``decodeUplink``) beside this one, instead of ``decoder``.
        options: For the decoder.
        serial: Modbus: factory settings.
        order: Modbus: default byte and word order.
        limits: Modbus: what one request may ask.
        prepare: Modbus: what starts a measurement before each poll.
        registers: Modbus: field -> where it lies.
        readings: Quantity -> which field it is and in what unit.
        examples: Its test.
        note: What the technician must know.
    """

    model: Slug
    maker: str
    title: Text
    also: list[str] = Field(default_factory=list)
    domain: Literal["bin", "water", "level", "structure", "soil", "weather", "air", "other"]
    wire: Literal["lorawan", "modbus", "json", "serial"]
    documents: list[Source] = Field(min_length=1)
    interval: Duration = timedelta(minutes=10)
    blind: LengthMm | None = None
    decoder: str | None = None
    codec: str | None = None
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    serial: Serial | None = None
    order: Order = "ABCD"
    limits: Limits = Limits()
    prepare: list[Preparation] = Field(default_factory=list, max_length=8)
    registers: dict[str, Register] = Field(default_factory=dict)
    readings: dict[str, Meaning] = Field(min_length=1)
    examples: list[Example] = Field(default_factory=list)
    note: str = ""

    @model_validator(mode="after")
    def _whole(self) -> DeviceModel:
        if self.wire == "lorawan" and (self.decoder is None) == (self.codec is None):
            raise ValueError("a lorawan model names either decoder: or codec:")
        if self.wire == "serial" and self.decoder is None:
            raise ValueError("a serial model names its decoder:")
        if self.wire == "modbus":
            if not self.registers:
                raise ValueError("a modbus model lists its registers:")
            for quantity, meaning in self.readings.items():
                field = meaning.field or quantity
                if field not in self.registers:
                    raise ValueError(
                        f"readings.{quantity} comes from {field!r}, which is not among registers:"
                    )
            for name, register in self.registers.items():
                if register.width > self.limits.registers:
                    raise ValueError(f"registers.{name} is wider than limits.registers allows in one request")
                if register.decimals_from is not None and register.decimals_from not in self.registers:
                    raise ValueError(f"registers.{name}.decimals_from names no register of this file")
        return self


class Catalogue(Mapping[str, DeviceModel]):
    """All device models by name; also found by the names in ``also`` and without the maker's prefix."""

    def __init__(self, models: Iterable[DeviceModel]) -> None:
        self._models = {model.model: model for model in models}
        self._aliases: dict[str, set[str]] = {}
        for model in self._models.values():
            _, _, short = model.model.partition("-")
            for alias in (short, *model.also):
                self._aliases.setdefault(alias.lower(), set()).add(model.model)

    def __getitem__(self, name: str) -> DeviceModel:
        if name in self._models:
            return self._models[name]
        owners = self._aliases.get(name.lower(), set())
        if len(owners) == 1:
            return self._models[next(iter(owners))]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def nearest(self, name: str) -> list[str]:
        """The models a person probably meant, best first; several owners of one short name come first."""
        owners = sorted(self._aliases.get(name.lower(), set()))
        known = [*self._models, *self._aliases]
        close = difflib.get_close_matches(name.lower(), known, n=6, cutoff=0.5)
        found = owners + [model for word in close for model in self._owners(word)]
        return list(dict.fromkeys(found))[:5]

    def _owners(self, word: str) -> list[str]:
        return [word] if word in self._models else sorted(self._aliases.get(word, set()))
