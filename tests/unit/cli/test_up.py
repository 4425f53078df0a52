"""``treadle up``: what it says, and what it refuses."""

import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.running_platform import RunningPlatform, clean_environment
from tests.unit.cli.command import COMMAND, treadle
from treadle.cli.up import ready_text
from treadle.settings import Settings

SHARED = {"TREADLE_DATABASE": "postgresql://nobody@127.0.0.1:9/x", "TREADLE_SECRET_KEY": "0" * 64}


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_how_to_connect_and_stops_when_told(end: signal.Signals, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with subprocess.Popen(
        [*COMMAND, "up", "--home", home, "--port", "0"],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        process.send_signal(end)
        rest, talk = process.stdout.read(), process.stderr.read()

    url = first.removeprefix("Treadle is ready at ").strip()
    assert url.startswith("http://127.0.0.1:")
    assert f"export TREADLE_HOME={home}" in rest
    assert "client = ServerlessClient()" in rest
    assert f"{home}/token" in rest
    assert talk == "Stopped.\n"
    assert process.returncode == 0
    assert not (home / "gateway.json").exists()


def test_settings_come_from_the_environment_and_options_win(own_platform: RunningPlatform) -> None:
    assert own_platform.stop_gateway() == 0
    port = own_platform.url.rpartition(":")[2]

    own_platform.variables = {"TREADLE_BIND_PORT": "1", "TREADLE_HOME": "/nowhere"}
    own_platform.restart()

    assert own_platform.url.endswith(f":{port}")
    assert json.loads((own_platform.home / "gateway.json").read_text())["url"] == own_platform.url


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = treadle(clean_environment(), "up", "--home", tmp_path / "home", "--port", port)

    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "Hint: " in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = treadle(clean_environment(), "up", "--home", tmp_path / "file" / "home", "--port", "0")

    assert done.returncode == 1
    assert f"{tmp_path}/file/home cannot be written" in done.stderr
    assert "--home" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_that_another_gateway_uses_is_refused(platform: RunningPlatform) -> None:
    done = treadle(clean_environment(), "up", "--home", platform.home, "--port", "0")

    assert done.returncode == 1
    assert "Another gateway" in done.stderr
    assert treadle(platform, "job", "list", "--json").returncode == 0  # the other one is not disturbed


@pytest.mark.parametrize(
    ("port", "words"),
    [("-1", "TREADLE_BIND_PORT: -1"), ("65536", "TREADLE_BIND_PORT: 65536"), ("http", "'--port'")],
)
def test_a_port_that_does_not_exist_is_refused(port: str, words: str, tmp_path: Path) -> None:
    done = treadle(clean_environment(), "up", "--home", tmp_path, "--port", port)

    assert done.returncode == 2
    assert words in done.stderr


def test_an_installation_without_the_server_part_says_what_to_install(tmp_path: Path) -> None:
    info = tmp_path / "treadle-9.9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: treadle\nVersion: 9.9.9\nProvides-Extra: server\n"
        "Requires-Dist: unheard-of>=2; extra == 'server'\n"
    )

    done = treadle({**clean_environment(), "PYTHONPATH": str(tmp_path)}, "up", "--home", tmp_path / "home")

    assert done.returncode == 1
    assert "unheard-of>=2 (not installed)" in done.stderr
    assert "treadle[server]" in done.stderr


def test_a_list_of_packages_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "allowed.txt"
    variables = {**clean_environment(), "TREADLE_ALLOWED_PACKAGES": str(missing)}

    done = treadle(variables, "up", "--home", tmp_path / "home", "--port", "0")

    assert done.returncode == 1
    assert f"The list of allowed packages {missing} cannot be used" in done.stderr
    assert "TREADLE_ALLOWED_PACKAGES" in done.stderr


def test_in_the_background_files_are_found_that_are_named_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("profiles.toml").write_text("[cx3d-2x5]")
    variables = {**clean_environment(), "TREADLE_HOME": "home", "TREADLE_COMPUTE_PROFILES": "profiles.toml"}
    started = treadle({**variables, "TREADLE_BIND_PORT": "0"}, "up", "--detach")
    try:
        assert "cx3d-2x5" in treadle(variables, "profile", "list").stdout, started.stderr
    finally:
        assert treadle(variables, "down").returncode == 0


def test_in_the_background_it_says_why_it_does_not_start(tmp_path: Path) -> None:
    variables = {**clean_environment(), "TREADLE_COMPUTE_PROFILES": str(tmp_path / "none.toml")}
    done = treadle({**variables, "TREADLE_BIND_PORT": "0"}, "up", "--detach", "--home", tmp_path / "home")
    error, hint = done.stderr.splitlines()
    assert error.startswith("Error: The platform did not start. The compute profiles in ")
    assert hint == "Hint: docs/compute-profiles.md shows what the file looks like."


@pytest.mark.parametrize(
    ("variables", "lacks"),
    [
        ({"TREADLE_ROLE": "gateway"}, "TREADLE_DATABASE"),
        ({"TREADLE_ROLE": "gateway", "TREADLE_DATABASE": SHARED["TREADLE_DATABASE"]}, "TREADLE_SECRET_KEY"),
        ({"TREADLE_ROLE": "gateway", **SHARED}, "TREADLE_OBJECTS"),
        ({"TREADLE_ROLE": "dispatcher", **SHARED, "TREADLE_OBJECTS": "s3://bucket"}, "TREADLE_URL"),
        ({"TREADLE_ROLE": "gateway", **SHARED, "TREADLE_OBJECTS": "s3://bucket"}, "TREADLE_ENGINE"),
        ({"TREADLE_ENGINE": "abacus"}, "There is no engine 'abacus'"),
        ({"TREADLE_SECRET_KEY": "short"}, "TREADLE_SECRET_KEY is no key of a platform"),
    ],
)
def test_a_part_that_does_not_know_what_it_must_says_so(variables: dict[str, str], lacks: str, tmp_path: Path) -> None:
    done = treadle({**clean_environment(), **variables}, "up", "--home", tmp_path / "home", "--port", "0")

    assert done.returncode == 1
    assert lacks in done.stderr
    assert "Traceback" not in done.stderr


def test_a_profile_for_an_engine_that_is_not_there_is_named(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles.toml"
    profiles.write_text('[cx3d-2x5]\nengine = "ray:gpu"\n')
    variables = {**clean_environment(), "TREADLE_COMPUTE_PROFILES": str(profiles)}

    done = treadle(variables, "up", "--home", tmp_path / "home", "--port", "0")

    assert done.returncode == 1
    assert "'cx3d-2x5' is for the engine 'ray:gpu'" in done.stderr


def test_a_dispatcher_does_not_offer_itself_to_clients(tmp_path: Path) -> None:
    text = ready_text(Settings(home=tmp_path, role="dispatcher"), "http://here:1", "Ctrl-C stops it")

    assert "http://here:1/readiness/" in text
    assert "client" not in text.lower()


@pytest.mark.parametrize("role", ["all", "gateway"])
def test_a_token_that_comes_from_the_settings_is_not_said_to_lie_in_the_home_folder(role: str, tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path, "role": role, "owner_token": "secret-token"})

    text = ready_text(settings, "http://here:1", "Ctrl-C stops it")

    assert "http://here:1" in text
    assert "TREADLE_OWNER_TOKEN" in text
    assert "secret-token" not in text
    assert str(tmp_path) not in text


def test_a_gateway_without_a_token_of_the_owner_says_how_users_are_made(tmp_path: Path) -> None:
    assert "treadle user add" in ready_text(Settings(home=tmp_path, role="gateway"), "http://here:1", "Ctrl-C stops it")
