"""Somebody with a browser: asks the API over a real socket, keeps his cookie, says his CSRF word."""

from __future__ import annotations

import asyncio
import http.client
import json
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from gateway import passwords
from gateway.app import House
from gateway.store.accounts import Role, User

PASSWORD = "river-stone-lamp-42"


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Visitor:
    """One browser.

    Attributes:
        address: ``http://host:port``.
        key: Of a program instead of a session.
    """

    address: str
    key: str = ""
    cookie: str = ""
    csrf: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self, path: str, body: Any = None, method: str = "", raw: bytes | None = None, **headers: str
    ) -> Reply:
        """One request, as a page of the board makes it."""
        method = method or ("GET" if body is None and raw is None else "POST")
        said = {"Sec-Fetch-Site": "same-origin", **self.headers}
        if self.cookie:
            said["Cookie"] = f"village_session={self.cookie}"
        if self.key:
            said["Authorization"] = f"Bearer {self.key}"
        if method != "GET" and self.csrf:
            said["X-CSRF-Token"] = self.csrf
        if body is not None:
            raw, said["Content-Type"] = json.dumps(body).encode(), "application/json"
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=20)
        try:
            connection.request(
                method, path, raw, {name: value for name, value in said.items() if value is not None}
            )
            answer = connection.getresponse()
            reply = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()
        if "set-cookie" in reply.headers:
            self.cookie = SimpleCookie(reply.headers["set-cookie"])["village_session"].value
        return reply

    async def get(self, path: str, **more: Any) -> Reply:
        return await asyncio.to_thread(self.ask, path, **more)

    async def post(self, path: str, body: Any, method: str = "POST", **more: Any) -> Reply:
        return await asyncio.to_thread(self.ask, path, body, method, **more)

    async def sign_in(self, user: str, password: str = PASSWORD) -> Reply:
        reply = await self.post("/api/v1/session", {"user": user, "password": password})
        if reply.status == 200:
            self.csrf = reply.body["csrf"]
        return reply


HASHED = ""  # one hash serves all tests: it takes a fifth of a second to make


async def user(house: House, name: str, role: Role, **more: Any) -> None:
    """A user with a password that everybody here knows."""
    global HASHED  # noqa: PLW0603  # made once
    if not HASHED:
        HASHED = await asyncio.to_thread(passwords.hashed, PASSWORD)
    facts = {"title": "", "person": None, "language": None, "must_change": False, **more}
    house.accounts.keep(User(name, role=role, password=HASHED, created=house.clock.now(), **facts))


async def visitor(house: House, role: Role = Role.VIEWER, name: str = "") -> Visitor:
    """Somebody of a role who has signed in (without the fifth of a second that a password takes)."""
    name = name or f"a-{role.word}"
    await user(house, name, role)
    key = await asyncio.to_thread(house.accounts.begin, name, "127.0.0.1")
    return Visitor(house.address, cookie=key, csrf=passwords.companion(key))
