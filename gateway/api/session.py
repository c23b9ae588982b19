"""Signing in and out, and one's own password."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import JSONResponse, Response

from gateway import passwords
from gateway.accounts import Principal
from gateway.api.asked import Asked, Refusal
from gateway.api.entry import COOKIE, address_of
from gateway.api.shapes import Shape, named, record
from gateway.api.table import Endpoint
from gateway.store.accounts import Role

PASSWORD: Shape = {"type": "string", "minLength": 1, "maxLength": passwords.LONGEST}
USER_NAME: Shape = {"type": "string", "pattern": r"^[\w.@-]{1,64}$"}


async def _who(asked: Asked) -> dict[str, Any]:
    return session_json(asked, asked.person)


async def _sign_in(asked: Asked) -> Response:
    accounts, request = asked.house.accounts, asked.request
    if accounts.broken:
        raise Refusal(503, "nobody_in", why=accounts.broken)
    name, address = asked.body["user"], address_of(request)
    wait = accounts.tries.wait_s(name, address)
    if wait:
        raise Refusal(429, "too_many_tries", seconds=max(1, round(wait)), retry_after_s=wait)
    if not await accounts.password_fits(name, asked.body["password"]):
        accounts.tries.failed(name, address)
        stranger = Principal("-", "-", Role.VIEWER, address=address)
        await asyncio.to_thread(accounts.note, stranger, "session.refused", name)
        raise Refusal(401, "wrong_password")
    accounts.tries.went_well(name, address)
    return await _begun(asked, name)


async def _begun(asked: Asked, name: str, action: str = "session.begin") -> Response:
    """A new session, its cookie, and what a page needs to know of it."""
    accounts, request = asked.house.accounts, asked.request
    address = address_of(request)
    old = request.cookies.get(COOKIE)
    key = await asyncio.to_thread(accounts.begin, name, address, old)
    who = accounts.by_session(key, address)
    assert who is not None
    await asyncio.to_thread(accounts.note, who, action)
    response = JSONResponse(session_json(asked, who))
    response.set_cookie(
        COOKIE,
        key,
        max_age=round(asked.house.site.village.api.sessions.longest.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


async def _sign_out(asked: Asked) -> Response:
    accounts, key = asked.house.accounts, asked.request.cookies.get(COOKIE)
    if key:
        await asyncio.to_thread(accounts.end, key)
        await asyncio.to_thread(accounts.note, asked.person, "session.end")
    response = JSONResponse({})
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


async def _password(asked: Asked) -> Response:
    accounts, who = asked.house.accounts, asked.person
    if who.csrf is None:
        raise Refusal(409, "method", what=who.name)
    name, old, new = who.name, asked.body["old"], asked.body["new"]
    wait = accounts.tries.wait_s(name, who.address)
    if wait:
        raise Refusal(429, "too_many_tries", seconds=max(1, round(wait)), retry_after_s=wait)
    if not await accounts.password_fits(name, old):
        accounts.tries.failed(name, who.address)
        raise Refusal(403, "wrong_password", key="old")
    check_password(new, name, old=old)
    await accounts.set_password(name, new)
    return await _begun(asked, name, "session.password")


def check_password(new: str, *names: str, old: str = "", key: str = "new") -> None:
    """Raises Refusal when a password will not do."""
    weak = passwords.weakness(new, *names) or ("same" if new == old else "")
    if weak:
        raise Refusal(400, f"weak_{weak}", key=key, least=passwords.SHORTEST, most=passwords.LONGEST)


def session_json(asked: Asked, who: Principal) -> dict[str, Any]:
    """What a page needs to know of who uses it."""
    village = asked.house.site.village
    person = village.people.get(who.person or "")
    return {
        "user": who.name,
        "name": who.title or (person.name if person else who.name),
        "role": who.role.word,
        "person": who.person,
        "language": who.language or (person.language if person else None) or village.site.language,
        "csrf": who.csrf or "",
        "must_change": who.must_change,
    }


_SESSION = named("Session")
ENDPOINTS = (
    Endpoint("GET", "/api/v1/session", Role.VIEWER, "Who I am and what I may do.", _who, _SESSION, first=True),
    Endpoint(
        "POST", "/api/v1/session", None, "Sign in: sets the cookie village_session.", _sign_in, _SESSION,
        body=record(user=USER_NAME, password=PASSWORD), examples={"user": "lin", "password": "-"},
    ),
    Endpoint("DELETE", "/api/v1/session", Role.VIEWER, "Sign out.", _sign_out, record(), first=True),
    Endpoint(
        "POST", "/api/v1/session/password", Role.VIEWER, "Choose another password; every other session ends.",
        _password, _SESSION, body=record(old=PASSWORD, new=PASSWORD), first=True,
        examples={"old": "-", "new": "-"},
    ),
)  # fmt: skip
