"""A message as one text, and how often one may go out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.contracts import ChannelContext
from gateway.credentials import Secret
from gateway.errors import Retry
from gateway.notify.pace import Pace
from gateway.notify.picture import form, kind_of
from gateway.notify.provider import blotted
from gateway.notify.text import fit, headline, plain, utf8_bytes, utf16_units, whole
from gateway.words import Language
from tests.channels import AT, PNG, notice

MEASURES = st.sampled_from([utf8_bytes, utf16_units])


def context(language: Language = "zh") -> ChannelContext:
    return ChannelContext("far", "六合村", language, ManualClock(AT), Path())


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    st.integers(40, 300),
    st.sampled_from(["zh", "en"]),
    MEASURES,
)
def test_a_cut_text_has_room_is_a_beginning_and_says_that_it_was_cut(
    text: str, room: int, language: Language, measure: Callable[[str], int]
) -> None:
    cut = fit(text, room, language, measure)
    assert measure(cut) <= room
    if measure(text) <= room:
        assert cut == text
    else:
        kept, mark, _ = cut.rpartition("…")
        assert mark
        assert text.startswith(kept)


@given(st.text(max_size=100))
def test_plain_text_can_be_sent_everywhere_and_is_not_changed_twice(text: str) -> None:
    clean = plain(text)
    clean.encode()
    assert plain(clean) == clean
    assert "\n" not in plain(text, lines=False)


def test_headline_and_text_in_both_languages() -> None:
    assert headline(notice(), context()) == "【六合村】3号桶已满"
    assert whole(notice(text=" "), context("en")) == "[六合村] 3号桶已满"
    assert whole(notice(), context()).splitlines()[1] == "3号桶 91 %，请于今天清运。"


async def test_the_next_one_goes_out_when_the_oldest_has_left_the_window() -> None:
    clock = ManualClock(AT)
    pace = Pace(clock, 2, timedelta(seconds=60))
    pace.step()
    await clock.advance(10)
    pace.step()
    with pytest.raises(Retry, match="at most 2 messages in 60 s") as caught:
        pace.step()
    assert caught.value.after == timedelta(seconds=50)
    await clock.advance(50)
    pace.step()
    with pytest.raises(Retry):
        pace.step()


def test_a_form_carries_fields_and_picture_under_a_boundary_that_is_not_in_them() -> None:
    body, headers = form({"chat_id": "4711"}, "photo", PNG)
    boundary = headers["Content-Type"].partition("boundary=")[2].encode()
    assert body.split(b"--" + boundary)[1:] == [
        b'\r\nContent-Disposition: form-data; name="chat_id"\r\n\r\n4711\r\n',
        b'\r\nContent-Disposition: form-data; name="photo"; filename="picture.png"\r\nContent-Type: image/png\r\n\r\n'
        + PNG
        + b"\r\n",
        b"--\r\n",
    ]


@pytest.mark.parametrize(
    ("start", "kind"), [(b"\xff\xd8\xff\xe0", ("jpeg", "jpg")), (PNG, ("png", "png")), (b"GIF89a", None), (b"", None)]
)  # fmt: skip
def test_a_picture_is_known_by_its_first_bytes(start: bytes, kind: tuple[str, str] | None) -> None:
    assert kind_of(start) == kind


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=40))
def test_a_secret_is_blotted_out_in_every_shape(secret: str) -> None:

    said = f"。{secret}。{quote(secret, safe='')}。{quote(secret)}。"
    assert blotted(said, [Secret(secret)]) == "。***。***。***。"
