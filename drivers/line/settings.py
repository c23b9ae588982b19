"""What a site file says about one Modbus line."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.schema import Duration, Strict

Word = Annotated[int, Field(ge=0, le=65535)]
CHARACTER_BITS = 11  # start, eight data, parity or second stop, stop (Serial Line V1.02, section 2.5.1)
QUIET_CHARACTERS = 3.5  # silence between two frames (the same section)
FASTEST_QUIET_S = 0.00175  # above 19200 baud the silence is fixed (the same section)


class Writable(Strict):
    """One register or coil that may be written, and between which values.

    Attributes:
        unit: Whose.
        kind: ``holding`` register (function 6) or ``coil`` (function 5).
        address: 0-based wire address.
        min: Smallest value allowed.
        max: Largest value allowed; 1 for a coil.
        verify: Read it back afterwards; false for what cannot be read or falls back by itself.
    """

    unit: int = Field(ge=1, le=255)
    kind: Literal["holding", "coil"] = "holding"
    address: Word
    min: Word = 0
    max: Word = 1
    verify: bool = True

    @model_validator(mode="after")
    def _a_range(self) -> Writable:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        if self.kind == "coil" and self.max > 1:
            raise ValueError("a coil is 0 or 1")
        return self


class Settings(Strict):
    """One line: one connection, one question at a time.

    Attributes:
        connection: ``tcp`` Modbus TCP, ``tls`` Modbus/TCP Security, ``rtu`` a serial port, ``rtu-over-tcp`` a serial
            server that passes RTU frames through.
        host: Of tcp, tls and rtu-over-tcp.
        port: TCP port (default 502; 802 for tls), or the serial port such as ``/dev/ttyUSB0``; prefer the names under
            ``/dev/serial/by-id``, they survive a reboot.
        baud: Serial: bits per second; one for the whole line.
        parity: Serial: N, E or O.
        stop: Serial: stop bits.
        timeout: Longest wait for one reply (reference devices-and-limits.md 4.6: 300 to 1000 ms).
        connect_timeout: Longest wait for the connection.
        retries: How often a question is asked again; others have their turn in between.
        gap: Silence between two different units; default 50 ms on serial lines (reference 4.6), none on TCP.
        echo: The RS-485 adapter repeats what it sends. Reads survive that anyway; with it declared, the echo of a
            write is not taken for the device's answer.
        backoff: Longest pause of a unit that does not answer.
        ca: TLS: file with the certificates to trust; default those of the system.
        certificate: TLS: our own certificate, when the device asks for one.
        key: TLS: its private key.
        check_name: TLS: the device's certificate must carry ``host``; false only for a device that cannot.
        writes: What may be written by ``write``; everything else is refused.
    """

    connection: Literal["tcp", "tls", "rtu", "rtu-over-tcp"] = "tcp"
    host: str = ""
    port: int | str | None = None
    baud: int = Field(default=9600, ge=300, le=4_000_000)
    parity: Literal["N", "E", "O"] = "N"
    stop: Literal[1, 2] = 1
    timeout: Duration = timedelta(milliseconds=500)
    connect_timeout: Duration = timedelta(seconds=5)
    retries: int = Field(default=2, ge=0, le=10)
    gap: Duration | None = None
    echo: bool = False
    backoff: Duration = timedelta(minutes=5)
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    check_name: bool = True
    writes: list[Writable] = Field(default_factory=list)

    @model_validator(mode="after")
    def _whole(self) -> Settings:
        if self.connection == "rtu":
            if not isinstance(self.port, str) or not self.port:
                raise ValueError("connection: rtu needs port: with the serial port, e.g. /dev/ttyUSB0")
            if self.host:
                raise ValueError("a serial port has no host:")
        else:
            if not self.host:
                raise ValueError(f"connection: {self.connection} needs host:")
            if isinstance(self.port, str):
                raise ValueError(f"port: of {self.connection} is a number, e.g. {self.tcp_port}")
            if not 1 <= self.tcp_port <= 65535:
                raise ValueError("port: is 1 to 65535")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate: and key: belong together")
        if self.timeout <= timedelta(0) or self.connect_timeout <= timedelta(0):
            raise ValueError("a time-out is longer than nothing")
        return self

    @property
    def tcp_port(self) -> int:
        """The port of a network connection."""
        if isinstance(self.port, int):
            return self.port
        return 802 if self.connection == "tls" else 502

    @property
    def framed(self) -> bool:
        """Frames carry a transaction number (TCP, TLS), so that a late reply is known as such."""
        return self.connection in {"tcp", "tls"}

    @property
    def quiet_s(self) -> float:
        """Silence before each request [s]: 3.5 characters on a serial line, nothing where frames are numbered."""
        if self.framed:
            return 0.0
        return max(FASTEST_QUIET_S, QUIET_CHARACTERS * CHARACTER_BITS / self.baud)

    @property
    def turn_s(self) -> float:
        """Silence between two different units [s]."""
        if self.gap is not None:
            return self.gap.total_seconds()
        return 0.0 if self.framed else 0.05

    @property
    def place(self) -> str:
        """Where the line is, for messages."""
        if self.connection == "rtu":
            return f"{self.port} ({self.baud} 8{self.parity}{self.stop})"
        return f"{self.host}:{self.tcp_port}"
