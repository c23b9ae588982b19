"""Pictures of orders: known by their bytes, their place read, their owner's traces left out."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import OrderRefused
from gateway.orders.picture import cleaned

MOST = 1_000_000


def exif(place: tuple[float, float] | None, order: str = ">", turned: int = 6) -> bytes:
    """A TIFF block with orientation, maker and place."""

    def fractions(degrees: float) -> bytes:
        whole = int(abs(degrees))
        minutes = int((abs(degrees) - whole) * 60)
        seconds = round(((abs(degrees) - whole) * 60 - minutes) * 60 * 1000)
        return struct.pack(f"{order}6I", whole, 1, minutes, 1, seconds, 1000)

    head = (b"MM\x00\x2a" if order == ">" else b"II\x2a\x00") + struct.pack(f"{order}I", 8)
    entries = [struct.pack(f"{order}HHIHH", 0x0112, 3, 1, turned, 0)]
    gps_at = 8 + 2 + 12 * 2 + 4
    if place is not None:
        entries.append(struct.pack(f"{order}HHII", 0x8825, 4, 1, gps_at))
    body = head + struct.pack(f"{order}H", len(entries)) + b"".join(entries) + struct.pack(f"{order}I", 0)
    if place is None:
        return body + b"MyTelephone of Mr Li"
    data_at = gps_at + 2 + 12 * 4 + 4
    north, east = place
    refs = [
        b"N\x00\x00\x00" if north >= 0 else b"S\x00\x00\x00",
        b"E\x00\x00\x00" if east >= 0 else b"W\x00\x00\x00",
    ]
    body += struct.pack(f"{order}H", 4)
    body += struct.pack(f"{order}HHI", 1, 2, 2) + refs[0] + struct.pack(f"{order}HHII", 2, 5, 3, data_at)
    body += struct.pack(f"{order}HHI", 3, 2, 2) + refs[1] + struct.pack(f"{order}HHII", 4, 5, 3, data_at + 24)
    return body + struct.pack(f"{order}I", 0) + fractions(north) + fractions(east)


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


FRAME = segment(0xC0, b"\x08" + struct.pack(">HH", 4, 4) + b"\x01\x01\x11\x00")
SCAN = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd0\x56"


def jpeg(*segments: bytes, tail: bytes = b"") -> bytes:
    return b"\xff\xd8" + b"".join(segments) + FRAME + SCAN + b"\xff\xd9" + tail


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(*chunks: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + b"".join(chunks)
        + chunk(b"IDAT", zlib.compress(b"\x00\x00"))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("place", [(27.9902, 120.7003), (-33.5, -70.25)])
def test_the_place_is_read_and_nothing_of_the_owner_is_kept(order, place) -> None:
    raw = jpeg(
        segment(0xE1, b"Exif\x00\x00" + exif(place, order)), segment(0xFE, b"by Mr Li"), tail=b"a film"
    )
    found = cleaned(raw, MOST)
    assert found.kind == "jpg"
    assert found.place == pytest.approx(place, abs=1e-5)
    assert b"Mr Li" not in found.content
    assert b"a film" not in found.content
    again = cleaned(found.content, MOST)
    assert again.place is None
    assert again.content == found.content  # which way up it is has stayed, once
    assert b"Exif" in found.content


def test_maker_notes_go_and_colours_stay() -> None:
    icc, adobe = segment(0xE2, b"ICC_PROFILE\x00..."), segment(0xEE, b"Adobe\x00d")
    found = cleaned(
        jpeg(segment(0xE1, b"http://ns.adobe.com/xap Mr Li"), icc, adobe, segment(0xED, b"Photoshop")), MOST
    )
    assert icc in found.content
    assert adobe in found.content
    assert b"Mr Li" not in found.content
    assert b"Photoshop" not in found.content


def test_a_png_loses_its_texts_and_gives_its_place() -> None:
    found = cleaned(png(chunk(b"eXIf", exif((1.5, 2.5))), chunk(b"tEXt", b"Author\x00Mr Li")), MOST)
    assert (found.kind, found.place) == ("png", (1.5, 2.5))
    assert b"Mr Li" not in found.content


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b"GIF89a", "photo_kind"),
        (b"", "photo_kind"),
        (b"<html>", "photo_kind"),
        (jpeg()[:-2], "photo_broken"),
        (b"\xff\xd8\xff\xd9", "photo_broken"),
        (jpeg()[:12], "photo_broken"),
        (png()[:-6], "photo_broken"),
        (png().replace(b"IDAT", b"IDAX"), "photo_broken"),
        (jpeg().replace(struct.pack(">HH", 4, 4), b"\xff\xff\xff\xff"), "photo_broken"),
        (jpeg() + b"x" * MOST, "photo_large"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(raw: bytes, key: str) -> None:
    with pytest.raises(OrderRefused) as error:
        cleaned(raw, MOST)
    assert error.value.key == key


def test_zero_zero_is_no_place() -> None:
    assert cleaned(jpeg(segment(0xE1, b"Exif\x00\x00" + exif((0.0, 0.0)))), MOST).place is None


@given(st.binary(max_size=80), st.integers(0, 60))
def test_any_bytes_are_a_picture_or_refused_and_never_an_exception(noise: bytes, at: int) -> None:
    whole = jpeg(segment(0xE1, b"Exif\x00\x00" + exif((27.0, 120.0))))
    for raw in (b"\xff\xd8\xff" + noise, png()[:8] + noise, whole[:at] + noise + whole[at + len(noise) :]):
        with contextlib.suppress(OrderRefused):
            assert cleaned(raw, MOST).content


def test_a_real_encoders_picture_still_opens_and_looks_the_same() -> None:
    images = pytest.importorskip("PIL.Image")
    made = images.effect_noise((64, 48), 60).convert("RGB")
    for kind, more in (("JPEG", {"progressive": True}), ("JPEG", {}), ("PNG", {})):
        out = io.BytesIO()
        made.save(out, kind, exif=b"Exif\x00\x00" + exif((27.99, 120.7)), **more)
        found = cleaned(out.getvalue(), MOST)
        assert found.place == pytest.approx((27.99, 120.7), abs=1e-5)
        with (
            images.open(io.BytesIO(found.content)) as kept,
            images.open(io.BytesIO(out.getvalue())) as before,
        ):
            assert kept.tobytes() == before.tobytes()
            assert dict(kept.getexif()) in ({0x0112: 6}, {})
