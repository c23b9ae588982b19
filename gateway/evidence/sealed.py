"""What the box keeps and cannot read: sealed to a public key, opened with a private key that lies elsewhere.

::

    8 B  "VGSEAL1" and a line feed
    32 B ephemeral X25519 public key, a new one for each file
    12 B nonce
    rest AES-256-GCM of the content, authenticating the first 40 bytes too
         its key = HKDF-SHA256(shared secret, salt = both public keys, info = "village evidence")

A symmetric key would lie on the box, and whoever takes the box would have the pictures with it. So the worker is given
the public half only; the private half stays with whoever may look, in the township. The pieces are the library
``cryptography``'s (X25519: RFC 7748, HKDF: RFC 5869, AES-GCM: NIST SP 800-38D).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import Fault, SettingsError, Unavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

MAGIC = b"VGSEAL1\n"
_INFO = b"village evidence"
_PUBLIC = "public"
_PRIVATE = "private"


def new_keys(folder: Path, password: str | None = None) -> tuple[Path, Path]:
    """A new pair: ``evidence.public.pem`` for the box, ``evidence.private.pem`` (mode 0600) for whoever may look.

    Args:
        folder: Where they are written; none may be there already.
        password: Locks the private one.

    Raises:
        SettingsError: There are keys already, or the folder cannot be written.
    """
    _library()
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415

    key = X25519PrivateKey.generate()
    lock: form.KeySerializationEncryption = form.NoEncryption()
    if password:
        lock = form.BestAvailableEncryption(password.encode())
    public, private = folder / "evidence.public.pem", folder / "evidence.private.pem"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "wb") as file:
            file.write(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, lock))
        with public.open("xb") as file:
            file.write(
                key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
            )
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise SettingsError(
            Fault(str(folder), 0, "", problem, "a folder without keys; old ones open old evidence")
        ) from error
    return public, private


class Seal:
    """Seals to one public key.

    Args:
        path: Its PEM file.

    Raises:
        SettingsError: It is missing, no X25519 key, or the private one, which must not be on the box.
    """

    def __init__(self, path: Path) -> None:
        _library()
        self._key = _public(path)

    def sealed(self, content: bytes) -> bytes:
        """The content as only the private key can read it."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        once = X25519PrivateKey.generate()
        mine = once.public_key().public_bytes_raw()
        head = MAGIC + mine
        secret = _secret(once.exchange(self._key), mine + self._key.public_bytes_raw())
        nonce = os.urandom(12)
        return head + nonce + AESGCM(secret).encrypt(nonce, content, head)


def opened(content: bytes, path: Path, password: str | None = None) -> bytes:
    """What was sealed.

    Args:
        content: A sealed file.
        path: PEM file of the private key.
        password: Where it is locked.

    Raises:
        SettingsError: The key cannot be read.
        Unavailable: It was sealed to another key, or has been changed since.
    """
    _library()
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    key = _private(path, password)
    head, nonce, body = content[:40], content[40:52], content[52:]
    if not head.startswith(MAGIC) or len(body) < 16:
        raise Unavailable("is no sealed file")
    theirs = head[len(MAGIC) :]
    shared = key.exchange(X25519PublicKey.from_public_bytes(theirs))
    secret = _secret(shared, theirs + key.public_key().public_bytes_raw())
    try:
        return AESGCM(secret).decrypt(nonce, body, head)
    except InvalidTag as error:
        raise Unavailable("this key does not open it, or it has been changed") from error


def _secret(shared: bytes, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=_INFO).derive(shared)


def _public(path: Path) -> X25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    raw = _read(path, _PUBLIC)
    if b"PRIVATE KEY" in raw:
        raise SettingsError(
            Fault(str(path), 0, "", "is the private key", "it must not be on the box: give the public one")
        )
    try:
        key = load_pem_public_key(raw)
    except ValueError as error:
        raise _no_key(path, _PUBLIC) from error
    if not isinstance(key, X25519PublicKey):
        raise _no_key(path, _PUBLIC)
    return key


def _private(path: Path, password: str | None) -> X25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(_read(path, _PRIVATE), password=password.encode() if password else None)
    except (TypeError, ValueError) as error:
        hint = "its password is wrong or missing, or it is another file"
        raise SettingsError(Fault(str(path), 0, "", "cannot be opened", hint)) from error
    if not isinstance(key, X25519PrivateKey):
        raise _no_key(path, _PRIVATE)
    return key


def _read(path: Path, which: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(
            Fault(str(path), 0, "", f"cannot be read ({error.strerror})", f"the {which} key, a PEM file")
        ) from error


def _no_key(path: Path, which: str) -> SettingsError:
    return SettingsError(
        Fault(str(path), 0, "", f"is no {which} X25519 key", "make a pair with 'village vision keys new'")
    )


def _library() -> None:
    try:
        import cryptography  # noqa: F401, PLC0415
    except ImportError as error:
        remedy = "pip install 'village-gateway[vision]'"
        raise SettingsError(Fault("", 0, "evidence.key", "sealing needs cryptography", remedy)) from error
