"""HTTP Digest: proving that one knows a password without sending it. What cameras ask for.

Source: RFC 7616 (SHA-256 and MD5, ``qop=auth``) and, for cameras without ``qop``, RFC 2069.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.credentials import Secret

_PAIR = re.compile(r'([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SCHEME = re.compile(r"(?:^|,)\s*(Digest|Basic)\b", re.IGNORECASE)
_HASHES = {"SHA-256": "sha256", "MD5": "md5"}  # the first that is offered is taken
LONGEST_CHALLENGE = 4096


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the far side wants proved.

    Attributes:
        realm: Its name. nonce: Its number, used once.
        algorithm: ``MD5`` or ``SHA-256``, perhaps with ``-sess``.
        qop: Whether it takes ``auth``; else the old form.
        opaque: To be sent back as it is; ``None`` when there was none.
    """

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: bool = True
    opaque: str | None = None


def challenge(headers: Sequence[str]) -> Challenge | None:
    """The strongest challenge among the ``WWW-Authenticate`` headers that can be answered."""
    found = [one for header in headers for one in _challenges(header[:LONGEST_CHALLENGE])]
    order = list(_HASHES)
    return min(found, key=lambda one: order.index(_family(one.algorithm)), default=None)


def offers_basic(headers: Sequence[str]) -> bool:
    """Whether the plain way is offered, which shows the password to whoever listens."""
    return any(found.group(1).lower() == "basic" for header in headers for found in _SCHEME.finditer(header))


class Digest:
    """One user's answers; remembers the last challenge, so that the next request needs no refusal first.

    Args:
        username: Who we are.
        password: What we know.
    """

    def __init__(self, username: str, password: Secret) -> None:
        self._username = username
        self._password = password
        self._challenge: Challenge | None = None
        self._count = 0

    def challenged(self, headers: Sequence[str]) -> bool:
        """The far side has refused and says what it wants; False when it wants nothing that we can do."""
        found = challenge(headers)
        if found is not None:
            self._challenge, self._count = found, 0
        return found is not None

    def headers(self, method: str, target: str, *, cnonce: str | None = None) -> Mapping[str, str]:
        """The header for one request; none before the first challenge.

        Args:
            method: GET, POST ...
            target: Path and query, exactly as in the request line.
            cnonce: Our own number; a test's, else random.
        """
        if self._challenge is None:
            return {}
        self._count += 1
        fields = _answer(
            self._challenge,
            self._username,
            self._password.reveal(),
            method=method,
            target=target,
            count=self._count,
            cnonce=cnonce or secrets.token_hex(8),
        )
        return {"Authorization": "Digest " + ", ".join(fields)}


def _answer(
    asked: Challenge, username: str, password: str, *, method: str, target: str, count: int, cnonce: str
) -> list[str]:
    name = _HASHES[_family(asked.algorithm)]

    def digest(*parts: str) -> str:
        return hashlib.new(name, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

    secret = digest(username, asked.realm, password)
    if asked.algorithm.lower().endswith("-sess"):
        secret = digest(secret, asked.nonce, cnonce)
    wanted = digest(method, target)
    times = f"{count:08x}"
    if asked.qop:
        response = digest(secret, asked.nonce, times, cnonce, "auth", wanted)
    else:
        response = digest(secret, asked.nonce, wanted)
    fields = [
        f'username="{_quoted(username)}"',
        f'realm="{_quoted(asked.realm)}"',
        f'nonce="{_quoted(asked.nonce)}"',
        f'uri="{target}"',
        f'response="{response}"',
        f"algorithm={asked.algorithm}",
    ]
    if asked.qop:
        fields += ["qop=auth", f"nc={times}", f'cnonce="{cnonce}"']
    if asked.opaque is not None:
        fields.append(f'opaque="{_quoted(asked.opaque)}"')
    return fields


def _challenges(header: str) -> list[Challenge]:
    marks = list(_SCHEME.finditer(header))
    found = []
    for index, mark in enumerate(marks):
        end = marks[index + 1].start() if index + 1 < len(marks) else len(header)
        if mark.group(1).lower() != "digest":
            continue
        pairs = {
            pair.group(1).lower(): re.sub(r"\\(.)", r"\1", pair.group(2))
            if pair.group(2) is not None
            else pair.group(3)
            for pair in _PAIR.finditer(header[mark.end() : end])
        }
        algorithm = pairs.get("algorithm", "MD5")
        qops = {word.strip() for word in pairs.get("qop", "").split(",")} - {""}
        able = _family(algorithm) in _HASHES and (not qops or "auth" in qops)
        if "realm" in pairs and "nonce" in pairs and able:
            found.append(
                Challenge(pairs["realm"], pairs["nonce"], algorithm, bool(qops), pairs.get("opaque"))
            )
    return found


def _family(algorithm: str) -> str:
    return re.sub("-sess$", "", algorithm, flags=re.IGNORECASE).upper()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
