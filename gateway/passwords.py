"""Passwords and keys: kept as hashes, made at random, compared without telling by the time it takes.

scrypt of the standard library, N = 2^14, r = 8, p = 5: the OWASP Password Storage Cheat Sheet names these figures as
worth the same as 2^17/8/1, which takes 128 MiB for one sign-in; these take 16 MiB, which a Raspberry Pi has.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata

SHORTEST = 10  # letters; NIST SP 800-63B 3.1.1.2 asks for 8 at least and for length rather than rules
LONGEST = 128
_N, _R, _P = 2**14, 8, 5
_MEMORY = 64 * 1024 * 1024  # what OpenSSL may use; 128 * N * r = 16 MiB are needed
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike on paper


def hashed(password: str) -> str:
    """A password as it is kept: algorithm, figures, salt, hash."""
    salt = secrets.token_bytes(16)
    return f"scrypt${_N}${_R}${_P}${_text(salt)}${_text(_derive(password, salt, _N, _R, _P))}"


def fits(password: str, kept: str) -> bool:
    """Whether a password is the one that was kept; takes as long when it is not."""
    try:
        name, n, r, p, salt, wanted = kept.split("$")
        if name != "scrypt":
            return False
        found = _derive(password, base64.b64decode(salt), int(n), int(r), int(p))
        return hmac.compare_digest(found, base64.b64decode(wanted))
    except ValueError:
        return False


def weakness(password: str, *names: str) -> str:
    """Why a password will not do: ``short``, ``long``, ``name``, ``plain``; empty when it will."""
    text = unicodedata.normalize("NFC", password)
    if len(text) < SHORTEST:
        return "short"
    if len(text) > LONGEST:
        return "long"
    if any(name and name.lower() in text.lower() for name in names):
        return "name"
    return "plain" if len(set(text)) < 5 else ""


def first_password() -> str:
    """One to be typed from paper: 16 letters in groups of four, 79 bit."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def new_key() -> str:
    """A key nobody guesses: 192 bit, for a session or a program."""
    return secrets.token_urlsafe(24)


def fingerprint(key: str) -> str:
    """What is kept of a key; it is random enough that a plain hash cannot be turned round."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def companion(key: str) -> str:
    """The word that goes with a session's key and proves that a request comes from its own page (CSRF)."""
    return hmac.new(key.encode("utf-8", "replace"), b"csrf", hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two secret words are the same, without telling by the time it takes."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _derive(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    text = unicodedata.normalize("NFC", password).encode("utf-8", "replace")
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


# Compared with where there is no such user, so that the answer takes as long; no password leads to it.
NOBODY = f"scrypt${_N}${_R}${_P}${_text(secrets.token_bytes(16))}${_text(secrets.token_bytes(32))}"
