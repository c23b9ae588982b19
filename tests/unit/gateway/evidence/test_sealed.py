from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("cryptography", reason="needs the extra 'vision'")

from gateway.errors import SettingsError, Unavailable
from gateway.evidence.sealed import Seal, new_keys, opened

PICTURE = b"\xff\xd8\xff" + b"a picture" * 1000


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return new_keys(tmp_path / "keys")


def test_what_is_sealed_is_opened_with_the_private_key_alone(keys: tuple[Path, Path], tmp_path: Path) -> None:
    public, private = keys
    sealed = Seal(public).sealed(PICTURE)
    assert b"picture" not in sealed
    assert opened(sealed, private) == PICTURE
    _, other = new_keys(tmp_path / "other")
    with pytest.raises(Unavailable, match="this key does not open it"):
        opened(sealed, other)


def test_the_same_content_is_never_sealed_alike(keys: tuple[Path, Path]) -> None:
    seal = Seal(keys[0])
    assert seal.sealed(PICTURE) != seal.sealed(PICTURE)


@pytest.mark.parametrize("place", [0, 10, 45, 60, -1])
def test_a_changed_byte_is_noticed(keys: tuple[Path, Path], place: int) -> None:
    sealed = bytearray(Seal(keys[0]).sealed(PICTURE))
    sealed[place] ^= 1
    with pytest.raises(Unavailable):
        opened(bytes(sealed), keys[1])


def test_the_private_key_is_readable_by_its_owner_only_and_may_be_locked(tmp_path: Path) -> None:
    public, private = new_keys(tmp_path, "a long password")
    assert private.stat().st_mode & 0o777 == 0o600
    sealed = Seal(public).sealed(PICTURE)
    assert opened(sealed, private, "a long password") == PICTURE
    for wrong in (None, "another"):
        with pytest.raises(SettingsError, match="password is wrong or missing"):
            opened(sealed, private, wrong)


def test_the_private_key_is_refused_on_the_box(keys: tuple[Path, Path]) -> None:
    with pytest.raises(SettingsError, match="must not be on the box"):
        Seal(keys[1])


def test_keys_are_never_written_over(keys: tuple[Path, Path]) -> None:
    with pytest.raises(SettingsError, match="old ones open old evidence"):
        new_keys(keys[0].parent)


def test_what_is_no_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nonsense")
    for path in (tmp_path / "x.pem", tmp_path / "missing.pem"):
        with pytest.raises(SettingsError, match=r"village vision keys new|cannot be read"):
            Seal(path)
