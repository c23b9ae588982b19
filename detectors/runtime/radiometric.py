"""Degrees out of thermal pictures: FLIR-style radiometric JPEG, and plain 16-bit pictures with a scale.

A radiometric JPEG carries the sensor's raw picture beside the coloured one::

    JPEG  APP1 "FLIR" 00 | 01 | number | last number | piece of an FFF file     (one or several segments, in order)
    FFF   0x00 "FFF" 00   0x14 version (100..199 tells the byte order)   0x18 place of the directory   0x1C entries
    entry 32 bytes: 0x00 kind u16 (1 raw picture, 0x20 camera)   0x0C place u32   0x10 length u32
    raw   0x00 u16 = 2 tells the byte order   0x02 width u16   0x04 height u16   0x20 PNG, or 16-bit rows
    camera f32: 0x20 emissivity  0x24 distance m  0x28 reflected K  0x2C air K  0x3C humidity 0..1
            0x58 R1  0x5C B  0x60 F  0x70 alpha1  0x74 alpha2  0x78 beta1  0x7C beta2  0x80 X  0x30C R2   i32: 0x308 O

The PNG inside holds its 16-bit values low byte first, against the PNG standard: they are swapped after decoding.

Sources: positions and the byte order: ExifTool, "FLIR Tags" (tag names FFF, RawData, CameraInfo). Planck form
T = B / ln(R1 / (R2 (S + O)) + F), transmission of the air, balance of object, mirrored and air radiation: FLIR,
"The radiometric IR camera measurement formula" in the user manuals, as worked out in Minkina and Dudzik, Infrared
Thermography: Errors and Uncertainties (Wiley 2009), chapter 2, and in Tattersall, Thermimage (raw2temp), 2017. A window
in front of the camera is left out (its transmission was 1 in all pictures seen).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.runtime.contracts import Celsius
from gateway.errors import BadReply

Raw = NDArray[np.uint16]  # (h, w), counts of the sensor
LARGEST_SIDE = 4096
_KELVIN = 273.15
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Camera:
    """What turns counts into degrees.

    Attributes:
        emissivity: Of what is looked at, 0..1.
        distance_m: To it. reflected_k: Temperature it mirrors. air_k: Of the air. humidity: Relative, 0..1.
        r1: Planck constants of this camera. b: [K]. f: . o: . r2: .
        alpha1: Constants of the air's transmission. alpha2: . beta1: . beta2: . x: .
    """

    emissivity: float
    distance_m: float
    reflected_k: float
    air_k: float
    humidity: float
    r1: float
    b: float
    f: float
    alpha1: float
    alpha2: float
    beta1: float
    beta2: float
    x: float
    o: int
    r2: float

    def celsius(self, raw: Raw) -> Celsius:
        """Degrees of every pixel; what lies below all radiation that can be is -273.15."""
        through = self._transmission()
        mirrored = (1 - self.emissivity) / self.emissivity * self._counts(self.reflected_k)
        air = (1 - through) / (self.emissivity * through) * self._counts(self.air_k)
        signal = raw.astype(np.float64) / (self.emissivity * through) - mirrored - air
        argument = self.r1 / (self.r2 * np.maximum(signal + self.o, 1e-6)) + self.f
        with np.errstate(divide="ignore"):
            kelvin = self.b / np.log(np.maximum(argument, 1.0))
        return np.clip(np.nan_to_num(kelvin, posinf=10_000.0) - _KELVIN, -_KELVIN, 9999.0).astype(np.float32)

    def _counts(self, kelvin: float) -> float:
        return self.r1 / (self.r2 * (math.exp(self.b / kelvin) - self.f)) - self.o

    def _transmission(self) -> float:
        """Of the air between, 0..1; the water in it from humidity and temperature."""
        t = self.air_k - _KELVIN
        water = self.humidity * math.exp(1.5587 + 6.939e-2 * t - 2.7816e-4 * t**2 + 6.8455e-7 * t**3)
        root, wet = math.sqrt(max(0.0, self.distance_m)), math.sqrt(max(0.0, water))
        one = self.x * math.exp(-root * (self.alpha1 + self.beta1 * wet))
        other = (1 - self.x) * math.exp(-root * (self.alpha2 + self.beta2 * wet))
        return min(1.0, max(0.01, one + other))


def from_jpeg(data: bytes) -> Celsius:
    """Degrees of every pixel of a radiometric JPEG.

    Raises:
        BadReply: It carries no raw picture, or not all of it; in words.
    """
    try:
        raw, camera = _unpack(data)
        return camera.celsius(raw)
    except (
        struct.error,
        IndexError,
        KeyError,
        ValueError,
        OverflowError,
        ZeroDivisionError,
        cv2.error,
    ) as error:
        raise BadReply(f"radiometric JPEG cannot be read: {type(error).__name__}: {error}"[:200]) from error


def from_picture(data: bytes, *, scale: float, offset: float) -> Celsius:
    """Degrees out of a 16-bit grey PNG or TIFF: ``counts * scale + offset``.

    Raises:
        BadReply: It is none.
    """
    try:
        counts = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise BadReply("the picture cannot be decoded") from error
    if counts is None or counts.dtype != np.uint16 or counts.ndim != 2:
        raise BadReply("the picture is no 16-bit grey PNG or TIFF")
    return linear(np.asarray(counts, np.uint16), scale=scale, offset=offset)


def from_rows(
    data: bytes, width: int, height: int, *, scale: float, offset: float, order: str = "<"
) -> Celsius:
    """Degrees out of bare 16-bit rows, e.g. ffmpeg's ``gray16le``.

    Args:
        data: ``2 * width * height`` bytes, row by row from the top.
        width: Pixels.
        height: Pixels.
        scale: Degrees of one count, e.g. 0.01 or 0.04.
        offset: Degrees of count 0, e.g. -273.15.
        order: ``<`` low byte first, ``>`` high byte first.

    Raises:
        BadReply: Another number of bytes.
    """
    if len(data) != 2 * width * height:
        raise BadReply(f"{len(data)} bytes are no {width}x{height} picture of 16 bits")
    return linear(np.frombuffer(data, f"{order}u2").reshape(height, width), scale=scale, offset=offset)


def linear(counts: NDArray[np.uint16], *, scale: float, offset: float) -> Celsius:
    """Degrees of counts that are already linear in temperature."""
    return (counts.astype(np.float32) * np.float32(scale) + np.float32(offset)).astype(np.float32)


def _unpack(data: bytes) -> tuple[Raw, Camera]:
    fff = _fff(data)
    if fff[:4] != b"FFF\0":
        raise ValueError("holds no FLIR data")
    order = ">" if struct.unpack(">I", fff[0x14:0x18])[0] in range(100, 200) else "<"
    place, count = struct.unpack(f"{order}II", fff[0x18:0x20])
    raw: Raw | None = None
    camera: Camera | None = None
    for index in range(min(count, 256)):
        entry = fff[place + 32 * index : place + 32 * index + 32]
        kind = struct.unpack(f"{order}H", entry[:2])[0]
        start, length = struct.unpack(f"{order}II", entry[0x0C:0x14])
        record = fff[start : start + length]
        if kind == 1 and raw is None:
            raw = _raw(record)
        elif kind == 0x20 and camera is None:
            camera = _camera(record)
    if raw is None or camera is None:
        raise ValueError("the raw picture or the camera's constants are missing")
    return raw, camera


def _fff(data: bytes) -> bytes:
    """The pieces of all APP1 segments of FLIR, put together; all of them must be there."""
    pieces: dict[int, bytes] = {}
    last = -1
    for segment in _segments(data):
        if segment[:5] == b"FLIR\0" and len(segment) > 8:
            pieces[segment[6]], last = segment[8:], segment[7]
    if not pieces:
        raise ValueError("holds no FLIR data")
    return b"".join(pieces[number] for number in range(last + 1))


def _segments(data: bytes) -> Iterator[bytes]:
    """Contents of the APP1 segments of a JPEG, up to the picture itself."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("is no JPEG")
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        length = struct.unpack(">H", data[at + 2 : at + 4])[0]
        if length < 2 or at + 2 + length > len(data):
            raise ValueError("a segment is cut off")
        if data[at + 1] == 0xE1:
            yield data[at + 4 : at + 2 + length]
        at += 2 + length


def _order(record: bytes) -> str:
    return "<" if struct.unpack("<H", record[:2])[0] < 0x100 else ">"


def _raw(record: bytes) -> Raw:
    order = _order(record)
    width, height = struct.unpack(f"{order}HH", record[2:6])
    if not 0 < width <= LARGEST_SIDE or not 0 < height <= LARGEST_SIDE:
        raise ValueError(f"{width}x{height} is no size")
    pixels = record[0x20:]
    if pixels[:8] == _PNG:
        if struct.unpack(">II", pixels[16:24]) != (width, height):
            raise ValueError("the raw picture has another size than it says")
        decoded = cv2.imdecode(np.frombuffer(pixels, np.uint8), cv2.IMREAD_UNCHANGED)
        if decoded is None or decoded.dtype != np.uint16 or decoded.shape != (height, width):
            raise ValueError("the raw picture is no 16-bit PNG")
        return np.asarray(decoded, np.uint16).byteswap()
    if len(pixels) < 2 * width * height:
        raise ValueError("the raw picture is cut off")
    return np.frombuffer(pixels[: 2 * width * height], f"{order}u2").reshape(height, width).astype(np.uint16)


def _camera(record: bytes) -> Camera:
    order = _order(record)

    def real(place: int) -> float:
        value = float(struct.unpack(f"{order}f", record[place : place + 4])[0])
        if not math.isfinite(value):
            raise ValueError("a constant of the camera is no number")
        return value

    camera = Camera(
        emissivity=real(0x20),
        distance_m=real(0x24),
        reflected_k=real(0x28),
        air_k=real(0x2C),
        humidity=real(0x3C),
        r1=real(0x58),
        b=real(0x5C),
        f=real(0x60),
        alpha1=real(0x70),
        alpha2=real(0x74),
        beta1=real(0x78),
        beta2=real(0x7C),
        x=real(0x80),
        o=struct.unpack(f"{order}i", record[0x308:0x30C])[0],
        r2=real(0x30C),
    )
    if (
        not 0.01 <= camera.emissivity <= 1
        or min(camera.r1, camera.r2, camera.b, camera.reflected_k, camera.air_k) <= 0
    ):
        raise ValueError("the constants of the camera cannot be")
    return camera
