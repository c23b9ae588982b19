"""Who may come in: signing in and out, sessions that end, keys of programs, the first password of a new box.

What is asked at every request (whose session is this?) is answered from memory; what changes is on the disk first.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway import passwords
from gateway.clock import Clock
from gateway.errors import Unavailable
from gateway.settings import SessionSettings
from gateway.store.accounts import AccountsFile, Deed, Role, Session, Token, User
from gateway.tries import Tries

FIRST = "first-password"
FIRST_USER = "admin"
MOST_SESSIONS = 20  # of one user; the one that was idle for longest ends
MOST_AT_ONCE = 8  # sign-ins that wait for their turn to be computed; more are asked to come later
LOCAL = "local"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        name: User, ``token:<name>``, or ``local`` over the box's own socket.
        title: As others call him.
        role: What he may do.
        person: Who of the site he is. language: His, if he has said.
        address: Where the request came from.
        csrf: What a browser must say with every change; ``None`` where no cookie is involved.
        must_change: May do nothing but choose a password.
    """

    name: str
    title: str
    role: Role
    person: str | None = None
    language: str | None = None
    address: str = ""
    csrf: str | None = None
    must_change: bool = False


class Accounts:
    """Everybody who may come in.

    Args:
        folder: The state folder.
        clock: The house's.
        settings: How long sessions last.
    """

    def __init__(self, folder: Path, clock: Clock, settings: SessionSettings) -> None:
        self._file = AccountsFile(folder)
        self._first = folder / FIRST
        self._clock = clock
        self._settings = settings
        self._lock = threading.Lock()
        self._users: dict[str, User] = {}
        self._sessions: dict[str, Session] = {}
        self._tokens: dict[str, Token] = {}
        self._fresh: set[str] = set()
        self._computing = asyncio.Semaphore(1)
        self._waiting = 0
        self.tries = Tries(clock)
        self.broken = ""

    def open(self) -> None:
        """Read who there is; a new box gets its first user. A broken file keeps people out, never the alarms."""
        try:
            self._file.open()
            self._users = self._file.users()
            self._sessions = {one.print: one for one in self._file.sessions()}
            self._tokens = {one.print: one for one in self._file.tokens()}
            if not self._users:
                self._first_user()
        except (Unavailable, OSError) as error:
            self.broken = str(error)
            _log.error("nobody can sign in reason=%s", error)

    def close(self) -> None:
        """Write down when sessions were last seen, let the file go."""
        if not self.broken:
            try:
                self.tidy()
            except Unavailable as error:
                _log.warning("sessions not noted reason=%s", error)
        self._file.close()

    def _first_user(self) -> None:
        password = passwords.first_password()
        handle = os.open(self._first, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(password + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.keep(
            User(FIRST_USER, "", Role.ADMIN, None, None, passwords.hashed(password), True, self._clock.now())
        )
        _log.info("first user made name=%s password_file=%s", FIRST_USER, self._first.name)

    # -- signing in and out -------------------------------------------------------------------------------------------

    async def password_fits(self, name: str, password: str) -> bool:
        """Whether this is the user's password; one is computed at a time, so memory stays bounded.

        Raises:
            Unavailable: Too many wait already.
        """
        if self._waiting >= MOST_AT_ONCE:
            raise Unavailable("too many sign-ins at once", timedelta(seconds=5))
        self._waiting += 1
        try:
            async with self._computing:
                user = self._users.get(name)
                kept = passwords.NOBODY if user is None else user.password
                fits = await asyncio.to_thread(passwords.fits, password, kept)
        finally:
            self._waiting -= 1
        return fits and user is not None

    def begin(self, name: str, address: str, instead_of: str | None = None) -> str:
        """A new session of a user: its key. The key a browser brought along is never kept on (session fixation).

        Args:
            name: Of a user who has proved to be himself.
            address: Where from.
            instead_of: A session's key that is no longer good.
        """
        now, key = self._clock.now(), passwords.new_key()
        session = Session(passwords.fingerprint(key), name, now, now, address)
        with self._lock:
            if instead_of is not None:
                self._end([passwords.fingerprint(instead_of)])
            others = sorted((s for s in self._sessions.values() if s.user == name), key=lambda s: s.seen)
            self._end([one.print for one in others[: max(0, len(others) - MOST_SESSIONS + 1)]])
            self._file.keep_sessions([session])
            self._sessions[session.print] = session
        return key

    def end(self, key: str) -> None:
        """A session is over."""
        with self._lock:
            self._end([passwords.fingerprint(key)])

    def by_session(self, key: str, address: str) -> Principal | None:
        """Whose session this is; None when it is nobody's or has ended. Counts as a sign of life."""
        session = self._sessions.get(passwords.fingerprint(key))
        user = self._users.get(session.user) if session is not None else None
        if session is None or user is None or self._over(session, user):
            return None
        session.seen = max(session.seen, self._clock.now())
        self._fresh.add(session.print)
        return Principal(
            user.name, user.title, user.role, user.person, user.language, address,
            passwords.companion(key), user.must_change,
        )  # fmt: skip

    def by_token(self, key: str, address: str) -> Principal | None:
        """Whose key this is; None when it is nobody's or has expired."""
        token = self._tokens.get(passwords.fingerprint(key))
        if token is None or (token.expires is not None and token.expires <= self._clock.now()):
            return None
        return Principal(f"token:{token.name}", token.name, token.role, address=address)

    def tidy(self) -> None:
        """Once a minute: end what is over, write down who was seen. Raises Unavailable."""
        with self._lock:
            users = self._users
            self._end(
                one.print
                for one in list(self._sessions.values())
                if one.user not in users or self._over(one, users[one.user])
            )
            fresh, self._fresh = self._fresh, set()
            self._file.keep_sessions([self._sessions[one] for one in fresh if one in self._sessions])

    def _over(self, session: Session, user: User) -> bool:
        now = self._clock.now()
        idle = self._settings.idle if user.role >= Role.OPERATOR else self._settings.idle_worker
        return now - session.seen > idle or now - session.created > self._settings.longest

    def _end(self, prints: Collection[str] | Any) -> None:
        gone = [one for one in prints if self._sessions.pop(one, None) is not None]
        if gone:
            self._file.drop_sessions(gone)

    # -- users and tokens ---------------------------------------------------------------------------------------------

    @property
    def users(self) -> Mapping[str, User]:
        """Everybody, by name."""
        return self._users

    @property
    def tokens(self) -> list[Token]:
        """All keys of programs."""
        return sorted(self._tokens.values(), key=lambda token: token.id)

    def keep(self, user: User) -> None:
        """A new user, or one who has changed."""
        with self._lock:
            self._file.keep_user(user)
            self._users = dict(sorted({**self._users, user.name: user}.items()))

    def drop(self, name: str) -> None:
        """A user goes, and all his sessions end."""
        with self._lock:
            self._file.drop_user(name)
            self._users = {one: user for one, user in self._users.items() if one != name}
            self._sessions = {one: s for one, s in self._sessions.items() if s.user != name}

    async def set_password(self, name: str, password: str, *, must_change: bool = False) -> None:
        """Another password; every session of the user ends, and a first password is no longer lying about."""
        kept = await asyncio.to_thread(passwords.hashed, password)
        self.keep(replace(self._users[name], password=kept, must_change=must_change))
        with self._lock:
            self._end([one.print for one in self._sessions.values() if one.user == name])
        if name == FIRST_USER:
            self._first.unlink(missing_ok=True)

    def is_last_admin(self, name: str) -> bool:
        """Whether nobody else could manage the box without him."""
        return [one.name for one in self._users.values() if one.role is Role.ADMIN] == [name]

    def new_token(self, name: str, role: Role, expires: datetime | None, by: str) -> str:
        """A key for a program; shown once, never again."""
        key = f"vg_{passwords.new_key()}"
        with self._lock:
            token = Token(0, name, passwords.fingerprint(key), role, self._clock.now(), expires, by)
            self._file.add_token(token)
            self._tokens = {one.print: one for one in self._file.tokens()}
        return key

    def drop_token(self, number: int) -> bool:
        """A key opens nothing any more; False when there is none."""
        with self._lock:
            if not any(one.id == number for one in self._tokens.values()):
                return False
            self._file.drop_token(number)
            self._tokens = {one.print: one for one in self._file.tokens()}
        return True

    # -- the audit trail ----------------------------------------------------------------------------------------------

    def note(self, who: Principal, action: str, object_: str = "", **detail: Any) -> None:
        """Write down who did what. Raises Unavailable.

        With a broken file only the box's own commands come in: what they do is done and stands in the log.
        """
        if self.broken:
            _log.warning("not in the trail action=%s object=%s", action, object_)
            return
        self._file.note(Deed(self._clock.now(), who.name, who.address, action, object_, detail))

    def trail(self, before: int | None, limit: int) -> list[tuple[int, Deed]]:
        """The audit trail, newest first. Raises Unavailable."""
        return self._file.trail(before, limit)
