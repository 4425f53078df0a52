"""Where settings come from: arguments, variables, and files for what should not be a variable."""

from pathlib import Path

import pytest
import typer

from treadle.cli.up import read_settings
from treadle.settings import Settings

DATABASE = "postgresql://treadle:secret@db/treadle"


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TREADLE_SECRETS", str(tmp_path))
    return tmp_path


def test_a_setting_may_be_a_file_of_the_folder_of_secrets(secrets: Path) -> None:
    (secrets / "treadle_database").write_text(f"{DATABASE}\n")

    assert Settings().database_url == DATABASE


def test_the_folder_may_hold_more_than_settings_and_links_within_it_as_kubernetes_makes_them(secrets: Path) -> None:
    (secrets / "..2026_11_25").mkdir()
    (secrets / "..2026_11_25" / "treadle_objects_secret_key").write_text("key")
    (secrets / "treadle_objects_secret_key").symlink_to("..2026_11_25/treadle_objects_secret_key")
    (secrets / "ray_auth_token").write_text("not ours")

    key = Settings().objects_secret_key

    assert key is not None
    assert key.get_secret_value() == "key"


def test_variables_win_over_files_and_arguments_over_both(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "treadle_bind_port").write_text("1")
    assert Settings().bind_port == 1

    monkeypatch.setenv("TREADLE_BIND_PORT", "2")
    assert Settings().bind_port == 2
    assert Settings(bind_port=3).bind_port == 3


def test_a_folder_of_secrets_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_SECRETS", "/nowhere")

    with pytest.raises(typer.BadParameter, match="no such folder") as raised:
        read_settings()
    assert raised.value.param_hint == "TREADLE_SECRETS"


@pytest.mark.parametrize(
    ("name", "value", "example"),
    [
        ("url", "gateways:8642", "https://treadle.example.com"),
        ("ray_address", "10.0.0.5", "10.0.0.5:6379"),
        ("engine", "local ray", "local,ray"),
    ],
)
def test_a_setting_of_the_wrong_form_is_answered_with_one_of_the_right_form(
    name: str, value: str, example: str
) -> None:
    with pytest.raises(typer.BadParameter) as raised:
        read_settings(**{name: value})

    assert raised.value.message == f"{value!r}: It looks like this: {example}."
    assert raised.value.param_hint == f"TREADLE_{name.upper()}"
