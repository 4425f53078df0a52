"""Finding the platform, and never handing the owner's token to somebody else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qiskit_serverless.exceptions import InvalidArgumentError, PlatformNotFoundError
from qiskit_serverless.platform import Endpoint, find_platform, home_folder

HERE = "http://127.0.0.1:8642"


@pytest.fixture
def running(home: Path) -> Path:
    """A home folder on which a gateway runs."""
    (home / "gateway.json").write_text(json.dumps({"url": HERE, "pid": os.getpid()}))
    (home / "token").write_text("owners-token\n")
    return home


@pytest.fixture
def ended() -> int:
    """The id of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_platform_of_the_home_folder_is_found_by_itself(running: Path) -> None:
    assert find_platform() == Endpoint(HERE, "owners-token")


def test_the_home_folder_is_in_the_users_home_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_HOME", "~/elsewhere")
    assert home_folder() == Path.home() / "elsewhere"
    monkeypatch.delenv("TREADLE_HOME")
    assert home_folder() == Path.home() / ".treadle"


def test_what_is_said_last_counts_least(running: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENV_GATEWAY_PROVIDER_HOST", "http://official:1")
    monkeypatch.setenv("ENV_GATEWAY_PROVIDER_TOKEN", "official")
    assert find_platform() == Endpoint("http://official:1", "official")
    monkeypatch.setenv("TREADLE_HOST", "https://ours:2/")
    monkeypatch.setenv("TREADLE_TOKEN", "ours")
    assert find_platform() == Endpoint("https://ours:2", "ours")
    assert find_platform("http://given:3/base/", "given") == Endpoint("http://given:3/base", "given")
    assert find_platform(token="given") == Endpoint("https://ours:2", "given")


@pytest.mark.parametrize("host", [HERE, f"{HERE}/"])
def test_the_owners_token_serves_for_the_home_folders_gateway_however_it_is_found(running: Path, host: str) -> None:
    assert find_platform(host) == Endpoint(HERE, "owners-token")


@pytest.mark.parametrize("host", ["http://127.0.0.1:9999", "https://example.org", "http://127.0.0.1:8642.example.org"])
def test_the_owners_token_is_never_sent_elsewhere(running: Path, host: str) -> None:
    with pytest.raises(PlatformNotFoundError, match=r"There is no token for .* TREADLE_TOKEN"):
        find_platform(host)


@pytest.mark.parametrize("host", ["localhost:8000", "ftp://x", "http://", "/tmp/socket", "8642"])
def test_a_host_that_is_no_url(host: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"such as http://127\.0\.0\.1:8000, not '"):
        find_platform(host, "token")


def test_no_platform_at_all(home: Path) -> None:
    with pytest.raises(
        PlatformNotFoundError, match=rf"No platform runs .*{home}.* `treadle up` or .*, or set TREADLE_HOST"
    ):
        find_platform()


def test_a_home_folder_that_does_not_exist_or_is_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").touch()
    for name in ("missing", "file"):
        monkeypatch.setenv("TREADLE_HOME", str(home / name))
        with pytest.raises(PlatformNotFoundError, match="No platform runs"):
            find_platform()


def test_a_platform_that_was_killed(running: Path, ended: int) -> None:
    (running / "gateway.json").write_text(json.dumps({"url": HERE, "pid": ended}))
    with pytest.raises(PlatformNotFoundError, match=r"does not run any more\..*`treadle up`"):
        find_platform()


def test_a_platform_of_another_user_counts_as_running(running: Path) -> None:
    (running / "gateway.json").write_text(json.dumps({"url": HERE, "pid": 1}))
    assert find_platform().url == HERE


@pytest.mark.parametrize("content", ["", "[]", '{"url": 1, "pid": 2}', '{"url": "x"}'])
def test_a_damaged_file_is_named(running: Path, content: str) -> None:
    (running / "gateway.json").write_text(content)
    with pytest.raises(PlatformNotFoundError, match=r"gateway\.json is damaged"):
        find_platform()


def test_a_missing_token_file_is_named(running: Path) -> None:
    (running / "token").unlink()
    with pytest.raises(PlatformNotFoundError, match=r"cannot be read: .*token.* Pass token="):
        find_platform()
