"""The operator's commands: users, groups, providers and access, on the home folder of a platform."""

import json
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.running_platform import RunningPlatform, clean_environment
from tests.unit.cli.command import treadle

PROGRAM = "from qiskit_serverless import save_result\nprint('[PUBLIC] hello')\nprint('psst')\nsave_result(1)\n"


def done(completed: subprocess.CompletedProcess[str]) -> str:
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def status_of(platform: RunningPlatform, token: str) -> int:
    return httpx2.get(f"{platform.url}/api/v1/programs/", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_function_is_published_from_the_command_line_alone(platform: RunningPlatform, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PROGRAM)
    cook = done(treadle(platform, "user", "add", "cli-cook"))
    eater = json.loads(done(treadle(platform, "user", "add", "cli-eater", "--json")))["token"]
    done(treadle(platform, "group", "add", "cli-cooks"))
    done(treadle(platform, "group", "add", "cli-eaters"))
    done(treadle(platform, "group", "members", "add", "cli-cooks", "cli-cook"))
    done(treadle(platform, "group", "members", "add", "cli-eaters", "cli-eater"))
    done(treadle(platform, "provider", "add", "cli-kitchen"))
    done(treadle(platform, "provider", "admin", "add", "cli-kitchen", "cli-cooks"))
    as_cook = {**platform.environment, "TREADLE_TOKEN": cook.strip()}
    as_eater = {**platform.environment, "TREADLE_TOKEN": eater}

    done(treadle(as_cook, "function", "upload", tmp_path, "--title", "cli-kitchen/soup"))
    shared = treadle(platform, "function", "share", "cli-kitchen/soup", "--group", "cli-eaters")
    job = done(treadle(as_eater, "run", "cli-kitchen/soup")).strip()

    assert done(shared) == "The group cli-eaters may run cli-kitchen/soup.\n"
    assert json.loads(done(treadle(as_eater, "job", "result", job))) == 1
    assert done(treadle(as_eater, "job", "logs", job)) == "hello\n"
    assert done(treadle(as_cook, "job", "logs", job, "--provider")) == "psst\n"
    assert done(treadle(as_cook, "job", "logs", job, "--provider", "--follow")) == "psst\n"
    for command in (("--provider",), ("--provider", "--follow")):
        refused = treadle(as_eater, "job", "logs", job, *command)
        assert (refused.returncode, "You don't have access" in refused.stderr) == (4, True)
        assert "Hint: The token is fine" in refused.stderr
    [grant] = json.loads(done(treadle(platform, "function", "grants", "cli-kitchen/soup", "--json")))
    assert grant == {"group": "cli-eaters", "may_run": True, "trial": False}
    listed = json.loads(done(treadle(platform, "provider", "list", "--json")))
    assert {"provider": "cli-kitchen", "admins": ["cli-cooks"], "functions": ["soup"], "registry": None} in listed


def test_a_token_is_revoked_and_its_user_shut_out(platform: RunningPlatform) -> None:
    first = done(treadle(platform, "user", "add", "cli-guest")).strip()
    second = done(treadle(platform, "user", "token", "cli-guest")).strip()
    ids = [each["token"] for each in json.loads(done(treadle(platform, "user", "tokens", "cli-guest", "--json")))]
    assert [status_of(platform, token) for token in (first, second)] == [200, 200]

    unsure = treadle(platform, "user", "revoke", "cli-guest", ids[0])
    assert unsure.returncode == 1
    assert "Revoke the token" in unsure.stderr
    done(treadle(platform, "user", "revoke", "cli-guest", ids[0], "--yes"))
    assert [status_of(platform, token) for token in (first, second)] == [401, 200]
    again = treadle(platform, "user", "revoke", "cli-guest", ids[0], "--yes")
    assert (again.returncode, "has no token" in again.stderr) == (3, True)
    done(treadle(platform, "user", "revoke", "cli-guest", "--all", "--yes"))
    assert status_of(platform, second) == 401


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("user add owner", 2, "There is a user owner already."),
        ("user add x/y", 2, "'x/y' cannot be the name of a user"),
        ("user revoke owner", 2, "Name one token, or say --all."),
        ("group members add nobodies owner", 3, "There is no group nobodies."),
        ("provider add a.b", 2, "'a.b' cannot be the name of a provider"),
        ("function share solo --group g", 2, "The function solo has no provider"),
        ("function disable none", 3, "There is no function none of owner."),
        ("function unshare nolab/f --group g", 3, "There is no provider nolab."),
    ],
)
def test_what_cannot_be_done_is_told(platform: RunningPlatform, command: str, code: int, words: str) -> None:
    told = treadle(platform, *command.split())
    assert told.returncode == code
    assert words in " ".join(told.stderr.split())


def test_a_home_without_a_platform_is_told_and_left_alone(tmp_path: Path) -> None:
    told = treadle(clean_environment(), "user", "list", "--home", tmp_path)
    assert told.returncode == 1
    assert "There is no platform in" in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_commands_need_no_gateway(own_platform: RunningPlatform) -> None:
    own_platform.stop_gateway()
    token = done(treadle(own_platform, "user", "add", "early")).strip()
    own_platform.restart()
    assert status_of(own_platform, token) == 200
