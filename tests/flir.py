"""Radiometric JPEGs made for tests, of any byte order and packing."""

from __future__ import annotations

import math
import struct

import cv2
import numpy as np

R1, B, F, ZERO, R2 = 14861.56, 1395.6, 1.0, -992, 0.032336  # of flir_15.jpg


def counts(celsius: float) -> int:
    """What the sensor would say of a black body, by Planck's form turned round."""
    return round(R1 / (R2 * (math.exp(B / (celsius + 273.15)) - F)) - ZERO)


def camera(order: str, *, emissivity: float = 1.0, distance: float = 0.0) -> bytes:
    record = bytearray(0x400)
    record[0:2] = struct.pack(f"{order}H", 2)
    reals = {
        0x20: emissivity,
        0x24: distance,
        0x28: 293.15,
        0x2C: 293.15,
        0x3C: 0.3,
        0x58: R1,
        0x5C: B,
        0x60: F,
    }
    reals |= {0x70: 0.006569, 0x74: 0.01262, 0x78: -0.002276, 0x7C: -0.00667, 0x80: 1.9, 0x30C: R2}
    for place, value in reals.items():
        record[place : place + 4] = struct.pack(f"{order}f", value)
    record[0x308:0x30C] = struct.pack(f"{order}i", ZERO)
    return bytes(record)


def raw(order: str, pixels: np.ndarray, *, png: bool) -> bytes:
    head = struct.pack(f"{order}HHH", 2, pixels.shape[1], pixels.shape[0]).ljust(0x20, b"\0")
    if png:
        return head + cv2.imencode(".png", pixels.byteswap())[1].tobytes()
    return head + pixels.astype(f"{order}u2").tobytes()


def jpeg(*records: tuple[int, bytes], order: str = ">", pieces: int = 1) -> bytes:
    directory, bodies = b"", b""
    start = 0x40 + 32 * len(records)
    for kind, body in records:
        entry = struct.pack(f"{order}HHIIII", kind, 1, 100, 0, start + len(bodies), len(body))
        directory += entry.ljust(32, b"\0")
        bodies += body
    head = b"FFF\0".ljust(0x14, b"\0") + struct.pack(f"{order}III", 100, 0x40, len(records))
    fff = head.ljust(0x40, b"\0") + directory + bodies
    size = -(-len(fff) // pieces)
    out = b"\xff\xd8\xff\xe0\x00\x04ab"  # an APP0 that is none of ours
    for number in range(pieces):
        segment = b"FLIR\0\x01" + bytes([number, pieces - 1]) + fff[number * size : (number + 1) * size]
        out += b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
    return out + b"\xff\xda\x00\x02\xff\xd9"


def radiometric(celsius: np.ndarray) -> bytes:
    """A whole picture of these degrees, below 300."""
    pixels = np.vectorize(counts)(celsius).astype(np.uint16)
    return jpeg((1, raw("<", pixels, png=True)), (0x20, camera("<")))
