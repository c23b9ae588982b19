"""Passwords, tries, sessions, keys and the trail, without any network."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import passwords
from gateway.accounts import MOST_AT_ONCE, MOST_SESSIONS, Accounts, Principal
from gateway.clock import ManualClock
from gateway.errors import Unavailable
from gateway.settings import SessionSettings
from gateway.store import accounts as store
from gateway.store.accounts import Role, User
from gateway.tries import FORGOTTEN_S, LONGEST_DELAY_OF_A_USER_S, LONGEST_DELAY_S, MOST_REMEMBERED, Tries
from tests.conftest import NOON


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    one = Accounts(tmp_path, ManualClock(NOON), SessionSettings())
    one.open()
    return one


def test_a_password_is_kept_as_a_salted_hash_that_another_one_does_not_fit() -> None:
    kept = passwords.hashed("river-stone-lamp")
    assert passwords.fits("river-stone-lamp", kept)
    assert not passwords.fits("river-stone-lamp ", kept)
    assert not passwords.fits("", kept)
    assert passwords.hashed("river-stone-lamp") != kept
    assert not passwords.fits("x", "plain$x")
    assert not passwords.fits("x", "")
    assert not passwords.fits("x", passwords.NOBODY)


def test_a_hash_is_what_scrypt_of_the_standard_says() -> None:
    name, n, r, p, salt, found = passwords.hashed("pass").split("$")

    wanted = hashlib.scrypt(
        b"pass", salt=base64.b64decode(salt), n=int(n), r=int(r), p=int(p), maxmem=1 << 26, dklen=32
    )
    assert (name, base64.b64decode(found)) == ("scrypt", wanted)
    assert int(n) * int(r) * 128 <= 16 * 1024 * 1024  # what a Raspberry Pi gives for one sign-in


@pytest.mark.parametrize(
    ("password", "weak"),
    [("short", "short"), ("x" * 200, "long"), ("hello-lin-hello", "name"), ("aaaaaaaaaaaa", "plain"), ("河边的石灯笼亮着十二盏", "")],
)  # fmt: skip
def test_what_is_weak_says_why(password: str, weak: str) -> None:
    assert passwords.weakness(password, "lin") == weak


def test_the_same_letters_typed_on_another_keyboard_are_the_same_password() -> None:
    assert passwords.fits("Cafe\u0301-by-the-river", passwords.hashed("Café-by-the-river"))


def test_first_passwords_are_random_and_readable() -> None:
    some = {passwords.first_password() for _ in range(50)}
    assert len(some) == 50
    assert not any(letter in one for one in some for letter in "0O1lI")


def test_delays_double_have_an_end_and_are_forgotten() -> None:
    clock = ManualClock(NOON)
    tries = Tries(clock)
    for _ in range(60):
        tries.failed("lin", "192.0.2.1")
    assert tries.wait_s("wang", "192.0.2.1") == LONGEST_DELAY_S
    assert tries.wait_s("lin", "192.0.2.2") == LONGEST_DELAY_OF_A_USER_S  # nobody keeps lin out for long
    assert tries.wait_s("wang", "192.0.2.2") == 0
    clock._step_to(clock.monotonic() + FORGOTTEN_S + 1)
    assert tries.wait_s("lin", "192.0.2.1") == 0


def test_what_is_remembered_of_tries_is_bounded() -> None:
    tries = Tries(ManualClock(NOON))
    for number in range(3 * MOST_REMEMBERED):
        tries.failed(f"user-{number}", f"192.0.{number // 256}.{number % 256}")
    assert len(tries._failed) <= MOST_REMEMBERED


def test_a_user_has_only_so_many_sessions_the_idlest_ends(accounts: Accounts) -> None:
    keys = []
    for number in range(MOST_SESSIONS + 1):
        keys.append(accounts.begin("admin", f"192.0.2.{number}"))
        accounts._clock._step_to(accounts._clock.monotonic() + 1)  # type: ignore[attr-defined]
    assert accounts.by_session(keys[0], "") is None
    assert all(accounts.by_session(key, "") for key in keys[1:])


def test_an_expired_key_and_a_dropped_user_open_nothing(accounts: Accounts) -> None:
    key = accounts.new_token("x", Role.VIEWER, NOON + timedelta(days=1), "admin")
    assert accounts.by_token(key, "") is not None
    accounts._clock.set_wall(NOON + timedelta(days=1))  # type: ignore[attr-defined]
    assert accounts.by_token(key, "") is None
    accounts.keep(User("lin", "", Role.VIEWER, None, None, "", must_change=False, created=NOON))
    session = accounts.begin("lin", "")
    accounts.drop("lin")
    assert accounts.by_session(session, "") is None


def test_a_changed_role_counts_at_once(accounts: Accounts) -> None:
    user = User("lin", "", Role.VIEWER, None, None, "", must_change=False, created=NOON)
    accounts.keep(user)
    key = accounts.begin("lin", "")
    accounts.keep(User("lin", "", Role.OPERATOR, None, None, "", must_change=False, created=NOON))
    who = accounts.by_session(key, "")
    assert who is not None
    assert who.role is Role.OPERATOR


async def test_too_many_sign_ins_at_once_are_asked_to_come_later(accounts: Accounts) -> None:
    asked = [asyncio.create_task(accounts.password_fits("admin", "x")) for _ in range(MOST_AT_ONCE + 2)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, Unavailable) for one in done) == 2


def test_the_trail_is_bounded_and_read_backwards(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_AUDITED", 5)
    who = Principal("lin", "Lin", Role.ADMIN, address="192.0.2.1")
    for number in range(9):
        accounts.note(who, "test", str(number), half="\ud800")
    trail = accounts.trail(None, 100)
    assert [deed.object for _, deed in trail] == ["8", "7", "6", "5", "4"]
    assert [deed.object for _, deed in accounts.trail(trail[1][0], 2)] == ["6", "5"]


def test_a_file_that_takes_nothing_is_said_in_words(accounts: Accounts) -> None:
    accounts._file._open_db().execute("DROP TABLE audit")
    with pytest.raises(Unavailable, match=r"accounts\.db cannot be written"):
        accounts.note(Principal("x", "x", Role.VIEWER), "test")
    accounts.close()
    with pytest.raises(Unavailable, match="closed"):
        accounts.new_token("x", Role.VIEWER, None, "x")
