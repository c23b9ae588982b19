"""Vendor scripts that misbehave end as BadReply, soon, and leave the gateway and the next message unharmed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.decode import javascript
from drivers.decode.sample import Sample
from gateway.errors import BadReply


@pytest.fixture(scope="module", autouse=True)
def worker() -> Iterator[None]:
    yield
    javascript.close()


def run(folder: Path, source: str) -> list[Sample]:
    (folder / "x.js").write_text(source, encoding="utf-8")
    return javascript.run("x.js", b"\x01\x02", 5, {}, [folder])


def body(text: str) -> str:
    return f"function decodeUplink(input) {{ {text} }}"


HOSTILE = {
    "endless loop": "while (true) {}",
    "endless loop that catches": "for (;;) { try { for (;;); } catch (e) {} }",
    "endless regular expression": "return {data: {x: /(a+)+$/.test('a'.repeat(50) + 'b')}}",
    "endless built-in": "new Array(2**32 - 1).sort(); return {data: {}}",
    "huge number in decimal": "return {data: {x: (2n ** 1000000n).toString()}}",
    "memory bomb": "var a = []; for (;;) a.push('x'.repeat(1000) + a.length)",
    "one huge string": "return {data: {x: 'x'.repeat(1e9)}}",
    "deep recursion": "function f() { return f() + 1 } return f()",
    "deep object": "var a = {}; for (var i = 0; i < 5000; i++) a = {a}; return {data: a}",
    "too deep for a measurement": "var a = {}; for (var i = 0; i < 50; i++) a = {a}; return {data: a}",
    "too many fields": "var a = {}; for (var i = 0; i < 5000; i++) a['f' + i] = i; return {data: a}",
    "circle": "var a = {}; a.a = a; return {data: a}",
    "throwing getter": "return {data: {get x() { throw new Error('gotcha') }}}",
    "endless getter": "return {data: {get x() { for (;;); }}}",
    "throws null": "throw null",
    "returns a number": "return 5",
    "returns nothing": "",
    "returns an array": "return [1, 2]",
    "returns a function": "return {data: function () {}}",
    "data is not an object": "return {data: NaN}",
    "data is an array": "return {data: [1]}",
    "tampers with JSON": "JSON.stringify = function () { return 'x' }; return {data: {}}",
    "tampers with JSON again": "JSON.stringify = function () { return 5 }; return {data: {}}",
    "reaches for files": "return {data: {x: require('fs').readFileSync('/etc/passwd')}}",
    "reaches for the host": "return {data: {x: std.open('/etc/passwd', 'r')}}",
    "reaches for the network": "return {data: {x: fetch('http://localhost')}}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_script_is_stopped_and_the_next_message_is_decoded(tmp_path: Path, text: str) -> None:
    start = time.monotonic()
    with pytest.raises(BadReply, match=r"x\.js|object"):
        run(tmp_path, body(text))
    assert time.monotonic() - start < 5
    (sample,) = run(tmp_path, body("return {data: {x: input.bytes[1], port: input.fPort}}"))
    assert sample.fields == {"x": 2.0, "port": 5.0}


@pytest.mark.parametrize("source", ["", "syntax error(", "var decodeUplink = 5;", "while (true) {}"])
def test_a_file_without_the_function_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(BadReply, match=r"codec x\.js"):
        run(tmp_path, source)


def test_what_the_script_reports_as_errors_is_the_reason(tmp_path: Path) -> None:
    with pytest.raises(BadReply, match="unknown FPort; and more"):
        run(tmp_path, body("return {errors: ['unknown FPort', 'and more']}"))


def test_empty_errors_are_none_and_warnings_are_told(tmp_path: Path) -> None:
    (sample,) = run(tmp_path, body("return {data: {x: 1}, errors: [], warnings: 'one word'}"))
    assert sample.fields == {"x": 1.0}
    assert sample.diagnostics == ("codec_warning: one word",)


def test_numbers_that_are_none_stay_visible_as_words(tmp_path: Path) -> None:
    (sample,) = run(tmp_path, body("return {data: {a: NaN, b: Infinity, c: null, d: 12n, e: true}}"))
    assert sample.fields == {"a": "NaN", "b": "Infinity", "c": None, "d": 12.0, "e": 1.0}


def test_a_script_remembers_nothing_from_one_message_to_the_next(tmp_path: Path) -> None:
    source = "var count = 0;" + body("count += 1; return {data: {count: count}}")
    assert [run(tmp_path, source)[0].fields["count"] for _ in range(3)] == [1.0, 1.0, 1.0]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    assert run(tmp_path, body("return {data: {x: 1}}"))[0].fields == {"x": 1.0}
    assert run(tmp_path, body("return {data: {x: 1 + 1}}"))[0].fields == {"x": 2.0}


@pytest.mark.parametrize("name", ["../x.js", "/etc/passwd", "", "missing.js", "."])
def test_a_codec_outside_the_folders_is_not_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "x.js").write_text(body("return {data: {}}"), encoding="utf-8")
    assert javascript.find(name, [tmp_path / "catalogue"]) is None
    with pytest.raises(BadReply, match="is not in the catalogue folders"):
        javascript.run(name, b"\x01", 1, {}, [tmp_path / "catalogue"])


def test_a_codec_that_is_no_text_or_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.js").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadReply, match="cannot be read"):
        javascript.run("x.js", b"\x01", 1, {}, [tmp_path])
    (tmp_path / "x.js").write_bytes(b" " * (javascript.LARGEST_CODEC_BYTES + 1))
    with pytest.raises(BadReply, match="at most"):
        javascript.run("x.js", b"\x01", 1, {}, [tmp_path])


def test_closing_twice_does_no_harm_and_the_next_message_starts_afresh(tmp_path: Path) -> None:
    javascript.close()
    javascript.close()
    assert run(tmp_path, body("return {data: {x: 1}}"))[0].fields == {"x": 1.0}
