"""Everything that can be asked, by everybody: the table, its OpenAPI document and what really happens agree."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from gateway.api.named import NAMED
from gateway.api.openapi import document
from gateway.api.routes import ENDPOINTS
from gateway.api.shapes import wrongs
from gateway.api.table import Endpoint
from gateway.app import House
from gateway.clock import ManualClock
from gateway.evidence.pictures import Place
from gateway.evidence.shelf import Shelf
from gateway.model import Delivery, Event, Reading
from gateway.orders.papers import Draft, Proof
from gateway.store.accounts import Role
from tests.conftest import NOON
from tests.house import house
from tests.unit.orders.test_picture import jpeg
from tests.visitor import Reply, Visitor, visitor

SITE = """\
# A village for asking.
site: {slug: demo, name: 示范村, language: en, map: map.png}
api: {port: 0}
sources: {radio: {driver: mqtt, host: 127.0.0.1, port: 1, listen: [chirpstack]}}
cells:
  east: {kind: grid, name: East, members: [lin], lat: 28.0, lon: 120.0}
people:
  lin:   # the grid leader
    name: Lin
    roles: [cleaner]
    phones: ["+86 577 0000 0001"]
    channels: [{channel: post}]
duty:
  rota:
  - {cell: east, role: cleaner, people: [lin]}
channels:
  post: {type: console}
devices:
  bin-1: {source: radio, address: bin-1, model: milesight-em400-mud, cell: east, role: cleaner, lat: 28.001, lon: 120.001, bin: {empty: 2400 mm, full: 300 mm}}
"""
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x02\x80\x00\x00\x01\xe0"
EVIDENCE = "e" * 20
JPEG = jpeg()
PHOTO = f"{sha256(JPEG).hexdigest()[:16]}.jpg"
STREAMS = {"/api/v1/changes"}  # go on for ever: test_api_changes.py


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[House]:
    clock = ManualClock(NOON)
    (tmp_path / "map.png").write_bytes(PNG)
    Shelf(tmp_path / "kept").put(
        NOON, {"camera": "gate", "kind": "fire"}, {"snapshot.jpg": b"x"}, name=EVIDENCE
    )
    async with house(tmp_path, clock, SITE) as building:
        building.herald._shown = {"eyes": Place(tmp_path / "kept", in_messages=False)}, {}
        for state in ("firing", "normal"):
            was = "normal" if state == "firing" else "firing"
            detail = {"rule": "bin-full", "target": "bin-1", "from": was, "to": state, "severity": "yellow"}
            await building.bus.put(Delivery((Event("bin-1", "alert", NOON, NOON, detail=detail),)))
        await building.bus.put(Delivery((Reading("bin-1/fill", 85.0, NOON, NOON),)))
        await building.bus.put(Delivery((Event("bin-1", "emptied", NOON, NOON, detail={"by": "x"}),)))
        order = await building.orders.create(Draft("empty it", device="bin-1"), "test")
        proof = Proof([JPEG], place=(28.001, 120.001))
        photo = (await building.orders.done(order.id, "lin", proof)).photos[0]
        assert photo == PHOTO
        while "bin-1/fill" not in building.latest or not building.spine or not building.spine.events:
            await asyncio.sleep(0)
        await asyncio.to_thread(building.journal.flush)
        await building.orders.create(Draft(title="Sweep the yard", cell="east"), "chief")
        time = asyncio.create_task(passing(clock))
        yield building
        time.cancel()


async def passing(clock: ManualClock) -> None:
    """Time goes on while somebody waits."""
    while True:
        await clock.advance(0.25)
        await asyncio.sleep(0.02)


def path_of(one: Endpoint) -> str:
    """The path with its example's names, and device and quantity where they are wanted."""
    if "/evidence/" in one.path:
        return one.path.replace("{id}", EVIDENCE).replace("{name}", "snapshot.jpg")
    if "/photos/" in one.path:
        return one.path.replace("{id}", "1").replace("{name}", PHOTO)
    usual = {"device": "bin-1", "quantity": "fill", "slug": "bin-1", "id": "1"}

    def name(found: re.Match[str]) -> str:
        return quote(str(one.examples.get(found.group(1), usual.get(found.group(1), "x"))))

    return re.sub(r"{(\w+)(?::\w+)?}", name, one.path)


def body_of(one: Endpoint) -> Any:
    """An example's body."""
    if one.body is None:
        return None
    fields = one.body.get("properties")
    names = set(re.findall(r"{(\w+)", one.path))
    return {
        key: value
        for key, value in one.examples.items()
        if (fields is None and key not in names) or key in (fields or ())
    }


async def ask(somebody: Visitor, one: Endpoint) -> Reply:
    return await somebody.post(path_of(one), body_of(one), one.method)


def check(one: Endpoint, reply: Reply) -> None:
    """The answer looks as the document says, whether it was done or not."""
    if reply.status != 200:
        assert reply.status in {400, 401, 403, 404, 409, 422, 429, 501, 503}, (
            one.path,
            reply.status,
            reply.raw,
        )
        assert not list(wrongs(NAMED["Error"], reply.body, NAMED)), (one.path, reply.raw)
    elif one.answer is not None:
        assert not list(wrongs(one.answer, reply.body, NAMED)), (one.path, reply.raw[:500])
    else:
        kind = one.media.partition("/")[0]
        assert kind == "*" or reply.headers["content-type"].startswith(kind), one.path


@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: "stranger" if role is None else role.word)
async def test_every_path_lets_in_whom_the_table_says_and_answers_as_it_says(
    asked: House, role: Role | None
) -> None:
    for one in ENDPOINTS:
        if one.path in STREAMS or one.path.startswith("/api/v1/session"):
            continue
        somebody = Visitor(asked.address) if role is None else await visitor(asked, role)
        reply = await ask(somebody, one)
        check(one, reply)
        if one.role is not None and (role is None or role < one.role):
            assert reply.status == (401 if role is None else 403), (one.method, one.path, reply.raw)
        else:
            assert reply.status not in {401, 403}, (one.method, one.path, reply.raw)


async def test_everything_that_only_looks_really_answers(asked: House) -> None:
    admin = await visitor(asked, Role.ADMIN)
    silent = []
    for one in ENDPOINTS:
        if one.method == "GET" and one.path not in STREAMS:
            reply = await ask(admin, one)
            check(one, reply)
            if reply.status != 200:
                silent.append((one.path, reply.status))
    assert {path for path, _ in silent} <= {"/api/v1/orders/{id}/photos/{name}"}  # needs a job that is done


async def test_no_other_verb_is_answered(asked: House) -> None:
    admin = await visitor(asked, Role.ADMIN)
    known: dict[str, set[str]] = {}
    for one in ENDPOINTS:
        known.setdefault(one.path, set()).add(one.method)
    for path in known:
        example = next(one for one in ENDPOINTS if one.path == path)
        like = [re.compile(re.sub(r"{\w+}", "[^/]+", other) + "$") for other in known]
        methods = {
            verb
            for rule, verbs in zip(like, known.values(), strict=True)
            if rule.match(path_of(example))
            for verb in verbs
        }
        for verb in {"POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - methods:
            if path not in STREAMS:
                reply = await admin.post(path_of(example), None, verb)
                assert reply.status in {404, 405}, (verb, path, reply.status)


async def test_what_makes_no_sense_is_refused_with_its_key(asked: House) -> None:
    admin = await visitor(asked, Role.ADMIN)
    for one in ENDPOINTS:
        for name, shape in one.query.items():
            if shape.get("type") in {"integer", "boolean"} or shape.get("format") in {"date-time", "span"}:
                reply = await admin.get(f"{path_of(one)}?{urlencode({name: 'rubbish'})}")
                assert (reply.status, reply.body["key"]) == (400, name), one.path
        if (
            one.body is not None
            and not one.raw
            and "additionalProperties" in one.body
            and one.path != "/api/v1/session"
        ):
            reply = await admin.post(path_of(one), {**body_of(one), "surprise": 1}, one.method)
            assert (reply.status, reply.body["key"]) == (400, "surprise"), one.path


async def test_the_document_is_openapi_and_says_the_same_as_the_table(asked: House) -> None:
    served = (await Visitor(asked.address).get("/api/v1/openapi.json")).body
    assert served == json.loads(json.dumps(document(ENDPOINTS)))
    assert served["openapi"].startswith("3.1")
    operations = [(path, verb, one) for path, verbs in served["paths"].items() for verb, one in verbs.items()]
    assert len(operations) == len(ENDPOINTS)
    assert len({one["operationId"] for _, _, one in operations}) == len(ENDPOINTS)
    for path, _, one in operations:
        named = {p["name"] for p in one.get("parameters", ()) if p["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))
        assert one["summary"]
    for found in re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(served)):
        assert found in served["components"]["schemas"]


def test_every_shape_uses_only_what_the_checker_knows() -> None:
    known = {
        "type", "properties", "required", "additionalProperties", "items", "prefixItems", "minItems", "maxItems", "enum",
        "anyOf", "$ref", "pattern", "format", "minimum", "maximum", "minLength", "maxLength", "description", "default",
    }  # fmt: skip

    def walk(shape: Any) -> None:
        assert set(shape) <= known, shape
        for inner in (
            *shape.get("properties", {}).values(),
            *shape.get("anyOf", ()),
            *shape.get("prefixItems", ()),
        ):
            walk(inner)
        for key in ("items", "additionalProperties"):
            if isinstance(shape.get(key), dict):
                walk(shape[key])

    for one in ENDPOINTS:
        for shape in (one.answer, one.body, *one.query.values(), *one.path_shapes.values()):
            if shape is not None:
                walk(shape)
    for shape in NAMED.values():
        walk(shape)


def test_the_guide_names_everything_with_its_role() -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+) ([^`?]+)[^`]*` \| (\w+) \|", guide, re.MULTILINE)
    assert sorted(rows) == sorted(
        (one.method, one.path, one.role.word if one.role else "anybody") for one in ENDPOINTS
    )


def test_every_default_fits_its_own_shape() -> None:
    for one in ENDPOINTS:
        for name, shape in one.query.items():
            if "default" in shape:
                assert not list(wrongs(shape, shape["default"], NAMED)), (one.path, name)
