"""The door: who asks, whether he may, and whether the request comes from our own page."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

from gateway import passwords
from gateway.accounts import LOCAL, Accounts, Principal
from gateway.api.asked import Refusal
from gateway.store.accounts import Role

COOKIE = "village_session"
PUBLIC = "public"  # whoever looks at a public board
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Doorkeeper:
    """Knows everybody.

    Args:
        accounts: Users, sessions, tokens.
        public: Who has not signed in may look.
    """

    def __init__(self, accounts: Accounts, *, public: bool = False) -> None:
        self._accounts = accounts
        self._public = public

    def is_local(self, request: Request) -> bool:
        """Whether it came over the box's own socket."""
        return bool(request.scope.get("village.local"))

    def who(self, request: Request) -> Principal | None:
        """Who asks: over the local socket the box itself, else by key or session; None: nobody we know.

        Raises:
            Refusal: A key was shown and it is wrong.
        """
        if self.is_local(request):
            return Principal(LOCAL, LOCAL, Role.ADMIN, language="en", address=LOCAL)  # commands speak English
        address = address_of(request)
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            who = self._accounts.by_token(key.strip(), address)
            if who is None:
                raise Refusal(401, "sign_in")
            return who
        cookie = request.cookies.get(COOKIE)
        known = self._accounts.by_session(cookie, address) if cookie else None
        return (
            Principal(PUBLIC, PUBLIC, Role.VIEWER, address=address)
            if known is None and self._public
            else known
        )

    def check(
        self, request: Request, who: Principal | None, role: Role | None, *, first: bool = False
    ) -> None:
        """Raises Refusal when this must not be done."""
        if request.method in UNSAFE and not self.is_local(request):
            self._from_our_page(request, who)
        if role is None:
            return
        if who is None:
            raise Refusal(401, "sign_in")
        if who.must_change and not first:
            raise Refusal(403, "must_change", key="must_change")
        if who.role < role:
            raise Refusal(403, "role", role=role.word)

    def _from_our_page(self, request: Request, who: Principal | None) -> None:
        """A browser sends cookies along whoever made it ask; a key in a header it does not."""
        if who is not None and who.csrf is None:
            return
        said = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin")
        by_origin = origin is not None and _same_origin(request, origin)
        ours = by_origin if said is None else said == "same-origin"
        if who is None:
            if (said is not None or origin is not None) and not ours:
                raise Refusal(403, "origin")
            return
        if not ours:
            raise Refusal(403, "origin")
        if not passwords.same(request.headers.get("x-csrf-token", ""), who.csrf or ""):
            raise Refusal(403, "csrf")


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


def _same_origin(request: Request, origin: str) -> bool:
    parts = urlsplit(origin)
    return (
        parts.scheme == request.url.scheme and parts.netloc.lower() == request.headers.get("host", "").lower()
    )
