"""``treadle secrets``: made once, kept after that, and what a platform takes."""

import os
from pathlib import Path

import pytest

from tests.unit.cli.command import treadle_here
from treadle.domain.tokens import is_well_formed
from treadle.settings import Settings


def test_the_files_are_settings_of_a_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "new" / "secrets"
    made = treadle_here(os.environ, "secrets", folder)
    monkeypatch.setenv("TREADLE_SECRETS", str(folder))
    settings = Settings()

    assert made.returncode == 0, made.stderr
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == dict.fromkeys(
        ("treadle_secret_key", "treadle_owner_token", "ray_auth_token"), 0o600
    )
    assert settings.secret_key_text is not None
    assert len(bytes.fromhex(settings.secret_key_text)) == 32
    assert settings.owner_token is not None
    assert is_well_formed(settings.owner_token.get_secret_value())
    assert settings.secret_key_text not in made.stdout


def test_files_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "ray_auth_token").write_text("that of a cluster that runs\n")

    first = treadle_here(os.environ, "secrets", tmp_path, "--json")
    contents = {file.name: file.read_text() for file in tmp_path.iterdir()}
    second = treadle_here(os.environ, "secrets", tmp_path, "--json")

    assert contents["ray_auth_token"] == "that of a cluster that runs\n"
    assert (second.returncode, second.stdout) == (0, first.stdout)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == contents


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    made = treadle_here(os.environ, "secrets", tmp_path / "file" / "secrets")

    assert made.returncode == 1
    assert "file/secrets cannot be written: Not a directory" in made.stderr
