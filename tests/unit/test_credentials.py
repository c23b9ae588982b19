from __future__ import annotations

from pathlib import Path

import pytest

from gateway.credentials import Secret, read_secret
from gateway.errors import SettingsError


def written(path: Path, content: bytes = b"s3cret\n", mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_secret_shows_itself_to_nobody_who_does_not_ask() -> None:
    secret = Secret("s3cret")
    assert "s3cret" not in f"{secret} {secret!r} { {'token': secret} }"
    assert secret.reveal() == "s3cret"
    assert secret == Secret("s3cret")
    assert secret != Secret("other")
    assert len({secret, Secret("s3cret")}) == 1


def test_a_secret_is_the_one_line_of_its_file(tmp_path: Path) -> None:
    assert read_secret(written(tmp_path / "token")).reveal() == "s3cret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SettingsError, match="others can read it") as caught:
        read_secret(written(tmp_path / "token", mode=mode), "sinks.cloud.token_file")
    assert "chmod 600" in str(caught.value)
    assert "sinks.cloud.token_file" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"x" * 5000, b"\xff\xfe"])
def test_what_is_no_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SettingsError):
        read_secret(written(tmp_path / "token", content))


def test_an_absent_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent: .*cannot be read"):
        read_secret(tmp_path / "absent", "token_file")


def test_a_bare_name_is_a_systemd_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    written(tmp_path / "token", mode=0o440)  # as systemd leaves it when an access list is in use
    assert read_secret("token").reveal() == "s3cret"
    written(tmp_path / "token", mode=0o444)
    with pytest.raises(SettingsError, match="others can read it"):
        read_secret("token")


def test_a_file_of_the_units_credential_folder_is_found_by_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "village_influx-password"
    secret.write_text("s3cret\n", encoding="utf-8")
    secret.chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_secret("influx-password").reveal() == "s3cret"
