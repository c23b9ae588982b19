"""Who may come in: users and keys of programs; and the trail of who did what."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

from gateway import passwords
from gateway.accounts import LOCAL
from gateway.api.asked import Asked, Refusal
from gateway.api.named import ROLE
from gateway.api.session import PASSWORD, USER_NAME, check_password
from gateway.api.shapes import (
    INTEGER,
    OBJECT,
    TEXT,
    TIME,
    TRUTH,
    WORD,
    listing,
    moment,
    one_of,
    or_null,
    record,
    within,
)
from gateway.api.table import Endpoint
from gateway.store.accounts import Role, Token, User


def _user_json(user: User) -> dict[str, Any]:
    return {
        "user": user.name,
        "name": user.title,
        "role": user.role.word,
        "person": user.person,
        "language": user.language,
        "must_change": user.must_change,
        "created": user.created.isoformat(),
    }


async def _users(asked: Asked) -> Any:
    return [_user_json(user) for user in asked.house.accounts.users.values()]


async def _add_user(asked: Asked) -> Any:
    accounts, body = asked.house.accounts, asked.body
    name = body["user"]
    if name in accounts.users or name == LOCAL:
        raise Refusal(409, "name_taken", key="user", name=name)
    check_password(body["password"], name, key="password")
    kept = await asyncio.to_thread(passwords.hashed, body["password"])
    user = User(
        name,
        body.get("name") or "",
        Role[body["role"].upper()],
        _person(asked, body.get("person")),
        body.get("language"),
        kept,
        must_change=True,
        created=asked.house.clock.now(),
    )
    await asyncio.to_thread(accounts.keep, user)
    await _note(asked, "user.add", name, after=_user_json(user))
    return _user_json(user)


async def _change_user(asked: Asked) -> Any:
    accounts, body, name = asked.house.accounts, asked.body, asked.given["user"]
    before = _known(asked, name)
    role = Role[body["role"].upper()] if "role" in body else before.role
    if role < Role.ADMIN and accounts.is_last_admin(name):
        raise Refusal(409, "last_admin", key="role", name=name)
    changed = replace(
        before,
        role=role,
        title=body.get("name", before.title) or "",
        person=_person(asked, body["person"]) if "person" in body else before.person,
        language=body.get("language", before.language),
    )
    if "password" in body:
        check_password(body["password"], name, key="password")
    await asyncio.to_thread(accounts.keep, changed)
    if "password" in body:
        await accounts.set_password(name, body["password"], must_change=True)
    was, now = _user_json(before), _user_json(accounts.users[name])
    different = {key: [was[key], now[key]] for key in now if was[key] != now[key]}
    await _note(asked, "user.change", name, changed=different, password="password" in body)
    return now


async def _drop_user(asked: Asked) -> Any:
    name = asked.given["user"]
    before = _known(asked, name)
    if asked.house.accounts.is_last_admin(name):
        raise Refusal(409, "last_admin", name=name)
    await asyncio.to_thread(asked.house.accounts.drop, name)
    await _note(asked, "user.remove", name, before=_user_json(before))
    return {}


def _known(asked: Asked, name: str) -> User:
    user = asked.house.accounts.users.get(name)
    if user is None:
        raise Refusal(404, "not_found", what="user", name=name)
    return user


def _person(asked: Asked, name: str | None) -> str | None:
    if name and name not in asked.house.site.village.people:
        raise Refusal(400, "no_person", key="person", name=name)
    return name or None


def _token_json(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role.word,
        "created": token.created.isoformat(),
        "expires": token.expires.isoformat() if token.expires else None,
        "by": token.by,
    }


async def _tokens(asked: Asked) -> Any:
    return [_token_json(token) for token in asked.house.accounts.tokens]


async def _add_token(asked: Asked) -> Any:
    body = asked.body
    expires: datetime | None = moment(body["expires"]) if body.get("expires") else None
    role = Role[body["role"].upper()]
    accounts, by = asked.house.accounts, asked.person.name
    key = await asyncio.to_thread(accounts.new_token, body["name"], role, expires, by)
    made = _token_json(accounts.tokens[-1])
    await _note(asked, "token.add", str(made["id"]), after=made)
    return {**made, "token": key}


async def _drop_token(asked: Asked) -> Any:
    number = asked.given["id"]
    if not await asyncio.to_thread(asked.house.accounts.drop_token, number):
        raise Refusal(404, "not_found", what="token", name=number)
    await _note(asked, "token.remove", str(number))
    return {}


async def _audit(asked: Asked) -> Any:
    found = await asyncio.to_thread(asked.house.accounts.trail, asked.given["before"], asked.given["limit"])
    return [
        {
            "seq": seq,
            "at": deed.at.isoformat(),
            "who": deed.who,
            "address": deed.address,
            "action": deed.action,
            "object": deed.object,
            "detail": deed.detail,
        }
        for seq, deed in found
    ]


async def _note(asked: Asked, action: str, name: str, **detail: Any) -> None:
    await asyncio.to_thread(asked.house.accounts.note, asked.person, action, name, **detail)


_LANGUAGE = or_null(one_of("zh", "en"))
_USER = record(
    user=TEXT, name=TEXT, role=ROLE, person=or_null(TEXT), language=_LANGUAGE, must_change=TRUTH, created=TIME
)
_TOKEN = record(
    {"token": TEXT}, id=INTEGER, name=TEXT, role=ROLE, created=TIME, expires=or_null(TIME), by=TEXT
)
_MAY = {"name": or_null(TEXT), "person": or_null(TEXT), "language": _LANGUAGE}
_ONE = {"user": USER_NAME}
ENDPOINTS = (
    Endpoint("GET", "/api/v1/users", Role.ADMIN, "Everybody who may sign in.", _users, listing(_USER)),
    Endpoint(
        "POST", "/api/v1/users", Role.ADMIN, "Somebody new; he must choose another password at first.", _add_user,
        _USER, body=record(_MAY, user=USER_NAME, password=PASSWORD, role=ROLE),
        examples={"user": "chen", "password": "two-boats-and-a-lamp", "role": "worker"},
    ),
    Endpoint(
        "PATCH", "/api/v1/users/{user}", Role.ADMIN, "Another role, name, person, language or password.", _change_user,
        _USER, path_shapes=_ONE, body=record({**_MAY, "role": ROLE, "password": PASSWORD}),
        examples={"user": "chen", "role": "worker"},
    ),
    Endpoint(
        "DELETE", "/api/v1/users/{user}", Role.ADMIN, "He may not come in any more; his sessions end at once.",
        _drop_user, record(), path_shapes=_ONE, examples={"user": "chen"},
    ),
    Endpoint("GET", "/api/v1/tokens", Role.ADMIN, "For which programs there are keys.", _tokens, listing(_TOKEN)),
    Endpoint(
        "POST", "/api/v1/tokens", Role.ADMIN, "A key for a program; it is shown this once.", _add_token, _TOKEN,
        body=record({"expires": or_null(TIME)}, name=WORD, role=ROLE), examples={"name": "grafana", "role": "viewer"},
    ),
    Endpoint(
        "DELETE", "/api/v1/tokens/{id}", Role.ADMIN, "That key opens nothing any more.", _drop_token, record(),
        path_shapes={"id": INTEGER}, examples={"id": 1},
    ),
    Endpoint(
        "GET", "/api/v1/audit", Role.ADMIN, "Who did what, newest first.", _audit,
        listing(
            record(seq=INTEGER, at=TIME, who=TEXT, address=TEXT, action=TEXT, object=TEXT, detail=OBJECT)
        ),
        query={"before": INTEGER, "limit": within(1, 1000, 100)},
    ),
)  # fmt: skip
