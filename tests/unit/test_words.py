"""The one catalogue of texts for people."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gateway.model import Flag
from gateway.site import load_words

WORDS = load_words()
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("key", sorted(WORDS.phrases))
def test_both_languages_say_it_with_the_same_facts(key: str) -> None:
    phrase = WORDS.phrases[key]
    assert phrase.en.strip()
    assert phrase.zh.strip()
    assert phrase.names("en") == phrase.names("zh")


def _keys_in_the_program() -> set[str]:
    """Every literal first argument of a call to something named ``words`` or ``_words``."""
    found = set()
    for path in [*ROOT.glob("gateway/**/*.py"), *ROOT.glob("drivers/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = ast.unparse(node.func)
            first = node.args[0]
            if called.endswith("words") and isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.add(first.value)
    return found


def test_every_text_the_program_asks_for_is_there() -> None:
    assert _keys_in_the_program() - set(WORDS.phrases) == set()


def test_every_flag_has_a_word() -> None:
    assert {f"flag.{flag.name}" for flag in Flag} <= set(WORDS.phrases)


def test_a_text_is_filled_with_its_facts_in_the_language_asked_for() -> None:
    assert load_words("en")("page.devices", heard=3, expected=4) == "devices 3/4"
    assert load_words("zh")("page.devices", heard=3, expected=4) == "设备 3/4"


def test_an_unknown_word_is_shown_as_it_is() -> None:
    assert WORDS.maybe("reason.made_up", "made_up") == "made_up"
