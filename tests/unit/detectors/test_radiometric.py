"""Degrees out of raw pictures: made ones for every branch, six real ones for the figures."""

from __future__ import annotations

import contextlib
import math
import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.runtime.radiometric import from_jpeg, from_picture, from_rows
from gateway.errors import BadReply
from tests.flir import camera, counts, jpeg, raw

PIXELS = np.array([[counts(20), counts(87)], [counts(-10), counts(150)], [counts(0), counts(300)]], np.uint16)
DEGREES = [[20, 87], [-10, 150], [0, 300]]


@pytest.mark.parametrize("png", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_black_body_is_read_back_in_every_byte_order_and_packing(
    order: str, pieces: int, *, png: bool
) -> None:
    data = jpeg((1, raw("<", PIXELS, png=png)), (0x20, camera("<")), order=order, pieces=pieces)
    np.testing.assert_allclose(from_jpeg(data), DEGREES, atol=0.5)
    if not png:
        swapped = jpeg((0x20, camera(">")), (1, raw(">", PIXELS, png=False)), order=order)
        np.testing.assert_allclose(from_jpeg(swapped), DEGREES, atol=0.5)


def test_what_mirrors_its_surroundings_is_hotter_than_it_looks() -> None:
    shiny = from_jpeg(jpeg((1, raw("<", PIXELS, png=True)), (0x20, camera("<", emissivity=0.8))))
    assert shiny[0, 0] == pytest.approx(20, abs=0.5), "as warm as what it mirrors"
    assert shiny[0, 1] > 95
    assert shiny[1, 0] < -12


def test_air_between_dims_what_is_hot() -> None:
    far = from_jpeg(jpeg((1, raw("<", PIXELS, png=True)), (0x20, camera("<", distance=100))))
    assert 89 < far[0, 1] < 110
    assert far[0, 0] == pytest.approx(20, abs=0.5), "as warm as the air"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff\xd9",
        b"\x89PNG",
        jpeg((1, raw("<", PIXELS, png=True))),
        jpeg((0x20, camera("<"))),
        jpeg((1, raw("<", PIXELS, png=False)[:-1]), (0x20, camera("<"))),
        jpeg((1, struct.pack("<HHH", 2, 60000, 60000).ljust(64, b"\0")), (0x20, camera("<"))),
        jpeg(
            (1, struct.pack("<HHH", 2, 5, 5).ljust(0x20, b"\0") + raw("<", PIXELS, png=True)[0x20:]),
            (0x20, camera("<")),
        ),
        jpeg((1, raw("<", PIXELS, png=True)), (0x20, camera("<", emissivity=0.0))),
        jpeg((1, raw("<", PIXELS, png=True)), (0x20, camera("<", emissivity=math.nan))),
        jpeg((1, raw("<", PIXELS, png=True)), (0x20, camera("<")[:100])),
        jpeg((1, raw("<", PIXELS, png=True)), (0x20, camera("<")))[:300],
    ],
)
def test_what_is_no_radiometric_picture_is_a_bad_reply(data: bytes) -> None:
    with pytest.raises(BadReply):
        from_jpeg(data)


@given(st.binary(max_size=200), st.integers(0, 1900))
def test_a_spoilt_picture_is_read_or_refused_and_nothing_else(noise: bytes, at: int) -> None:
    whole = jpeg((1, raw("<", PIXELS, png=False)), (0x20, camera("<")))
    spoilt = whole[:at] + noise + whole[at + len(noise) :]
    with contextlib.suppress(BadReply):
        assert np.isfinite(from_jpeg(spoilt)).all()


def test_sixteen_bits_with_a_scale() -> None:
    kelvin = np.array([[29315, 42315]], np.uint16)  # hundredths
    for kind in (".png", ".tiff"):
        data = cv2.imencode(kind, kelvin)[1].tobytes()
        np.testing.assert_allclose(from_picture(data, scale=0.01, offset=-273.15), [[20, 150]], atol=0.01)
    little = from_rows(kelvin.astype("<u2").tobytes(), 2, 1, scale=0.01, offset=-273.15)
    big = from_rows(kelvin.astype(">u2").tobytes(), 2, 1, scale=0.01, offset=-273.15, order=">")
    np.testing.assert_allclose(little, [[20, 150]], atol=0.01)
    np.testing.assert_array_equal(little, big)
    with pytest.raises(BadReply, match="3 bytes are no 2x1"):
        from_rows(b"123", 2, 1, scale=1, offset=0)
    for wrong in (cv2.imencode(".png", np.zeros((2, 2, 3), np.uint8))[1].tobytes(), b"", b"no picture"):
        with pytest.raises(BadReply):
            from_picture(wrong, scale=1, offset=0)


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "size", "coldest", "hottest"),
    [
        ("flir_01", (120, 120), 31.7, 87.2),
        ("flir_05", (180, 180), -67.6, -0.2),
        ("flir_10", (240, 320), 16.7, 34.4),
        ("flir_11", (240, 320), -10.2, 15.0),
        ("flir_15", (120, 120), 30.0, 89.1),
        ("flir_17", (240, 320), -35.3, -8.0),
    ],
)
def test_real_pictures(name: str, size: tuple[int, int], coldest: float, hottest: float) -> None:
    """Two of them show what the camera itself said: the ends of its scale and the spot in the middle."""
    folder = os.environ.get("VILLAGE_VISION_DATA")
    if not folder:
        pytest.skip("recorded pictures not at hand: set VILLAGE_VISION_DATA to their folder")
    celsius = from_jpeg((Path(folder) / "thermal" / f"{name}.jpg").read_bytes())
    assert celsius.shape == size
    assert float(celsius.min()) == pytest.approx(coldest, abs=0.1)
    assert float(celsius.max()) == pytest.approx(hottest, abs=0.1)
    printed = {"flir_01": (90, 136), "flir_15": (88, 187)}  # degF: lower end of the scale, spot
    if name in printed:
        low, spot = ((fahrenheit - 32) / 1.8 for fahrenheit in printed[name])
        assert float(celsius.min()) == pytest.approx(low, abs=1.5)
        middle = celsius[54:66, 54:66]
        assert middle.min() < spot < middle.max() + 1
