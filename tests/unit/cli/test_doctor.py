"""``treadle doctor`` finds what is wrong with an installation and says what to do."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running_platform import RunningPlatform, clean_environment


def examine(home: Path, **variables: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Run it as a program; return its exit code and its findings by the name of the check."""
    done = subprocess.run(
        [sys.executable, "-m", "treadle.cli", "doctor", "--json"],
        env={**clean_environment(), "TREADLE_HOME": str(home), "TREADLE_BIND_PORT": "0", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {finding["check"]: finding for finding in findings}


def write_distribution(folder: Path, name: str, metadata: str = "", record: str = "") -> None:
    """Write what an installed distribution leaves behind, for an environment that has `folder` on its path."""
    info = folder / f"{name}-9.9.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.9.9\n{metadata}")
    (info / "RECORD").write_text(record)


@contextmanager
def listener() -> Iterator[int]:
    """Yield a port on which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_healthy_installation_passes(tmp_path: Path) -> None:
    code, findings = examine(tmp_path / "home")

    assert code == 0
    assert list(findings) == [
        "python", "installation", "sdk", "fork", "sandbox", "home", "disk", "packages", "profiles", "gateway", "client"
    ]  # fmt: skip
    assert {findings[check]["level"] for check in ("python", "installation", "sdk", "fork", "home")} == {"ok"}
    assert findings["client"]["level"] == "warn"
    assert "treadle up" in findings["client"]["message"]
    assert findings["gateway"]["message"] == "does not run; it will take any free port"


def test_every_trouble_has_advice(tmp_path: Path) -> None:
    (tmp_path / "not-a-folder").touch()
    site = tmp_path / "site"
    write_distribution(site, "qiskit-serverless", record="qiskit_serverless/__init__.py,,\n")
    write_distribution(site, "treadle", metadata="Requires-Dist: unheard-of>=2\nRequires-Dist: rich<1\n")
    (site / "sitecustomize.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )

    with listener() as port:
        code, findings = examine(tmp_path / "not-a-folder" / "home", TREADLE_BIND_PORT=str(port), PYTHONPATH=str(site))

    assert code == 1
    failed = {check for check, finding in findings.items() if finding["level"] == "fail"}
    assert failed == {"installation", "sdk", "fork", "home", "gateway"}
    assert all(findings[check]["advice"] for check in failed)
    assert "unheard-of>=2 (not installed)" in findings["installation"]["message"]
    assert "rich<1 (1" in findings["installation"]["message"]
    assert "qiskit-serverless also brings qiskit_serverless" in findings["sdk"]["message"]
    assert "2 threads" in findings["fork"]["message"]
    assert "cannot be written" in findings["home"]["message"]
    assert f"port {port} is taken by another program" in findings["gateway"]["message"]


def test_a_client_alone_is_told_what_a_platform_needs(tmp_path: Path) -> None:
    site = tmp_path / "site"
    write_distribution(
        site,
        "treadle",
        metadata="Requires-Dist: rich\nProvides-Extra: server\nRequires-Dist: unheard-of>=2; extra == 'server'\n",
    )

    code, findings = examine(tmp_path / "home", PYTHONPATH=str(site))

    assert code == 0
    assert findings["installation"]["level"] == "warn"
    assert "unheard-of>=2 (not installed)" in findings["installation"]["message"]
    assert "treadle[server]" in findings["installation"]["advice"]
    assert "gateway" not in findings


def test_a_running_gateway_is_found_and_lets_us_in(platform: RunningPlatform) -> None:
    code, findings = examine(platform.home)

    assert code == 0
    assert findings["gateway"]["message"] == f"runs at {platform.url}"
    assert findings["client"] == {
        "check": "client", "level": "ok", "message": f"is let in at {platform.url}", "advice": ""
    }  # fmt: skip


def test_a_token_that_is_not_let_in_is_a_failure(platform: RunningPlatform) -> None:
    code, findings = examine(platform.home, TREADLE_TOKEN="wrong")

    assert code == 1
    assert findings["client"]["level"] == "fail"
    assert "TREADLE_TOKEN" in findings["client"]["advice"]


def test_the_gateway_of_another_home_is_told_from_another_program(platform: RunningPlatform, tmp_path: Path) -> None:
    code, findings = examine(tmp_path / "home", TREADLE_BIND_PORT=platform.url.rpartition(":")[2])

    assert code == 1
    assert "taken by a Treadle gateway with another home" in findings["gateway"]["message"]


def test_a_gateway_that_was_killed_is_noticed(tmp_path: Path) -> None:
    with listener() as port:
        url = f"http://127.0.0.1:{port}"
    (tmp_path / "gateway.json").write_text(json.dumps({"url": url, "pid": 2**22 - 1}))

    code, findings = examine(tmp_path)

    assert code == 0
    assert findings["gateway"]["level"] == "warn"
    assert "was killed" in findings["gateway"]["message"]


def test_a_home_that_others_can_enter_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)

    _, findings = examine(tmp_path / "home")

    assert findings["home"]["level"] == "warn"
    assert "chmod 700" in findings["home"]["advice"]


def test_people_read_one_line_per_check_and_advice_below(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "treadle.cli", "doctor"],
        env={**clean_environment(), "TREADLE_HOME": str(tmp_path / "home"), "TREADLE_BIND_PORT": "0"},
        capture_output=True,
        text=True,
        check=True,
    )

    lines = done.stdout.splitlines()
    assert lines[0].startswith("ok    python: Python 3.")
    assert lines[-1].startswith("warn  client: ")


@pytest.mark.parametrize(("variable", "value"), [("TREADLE_BIND_PORT", "http"), ("TREADLE_JOB_CPU", "-1")])
def test_a_setting_that_makes_no_sense_is_named(variable: str, value: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "treadle.cli", "doctor"],
        env={**clean_environment(), "TREADLE_HOME": str(tmp_path), variable: value},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert variable in done.stderr
    assert value in done.stderr
    assert "Traceback" not in done.stderr


def test_an_allow_list_is_read(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed.txt"
    allowed.write_text("pendulum\n")
    _, findings = examine(tmp_path / "home", TREADLE_ALLOWED_PACKAGES=str(allowed))
    assert findings["packages"]["message"] == "the 1 of the allow list, from wheels only"

    allowed.write_text("-e .\n")
    code, findings = examine(tmp_path / "home", TREADLE_ALLOWED_PACKAGES=str(allowed))
    assert (code, findings["packages"]["level"]) == (1, "fail")
    assert "'-e .'" in findings["packages"]["message"]


def test_compute_profiles_are_read(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles.toml"
    profiles.write_text("[cx3d-2x5]\n[bx3d-4x20]\n")
    _, findings = examine(tmp_path / "home", TREADLE_COMPUTE_PROFILES=str(profiles))
    assert findings["profiles"]["message"] == "cx3d-2x5, bx3d-4x20"

    profiles.write_text("[large]\n")
    code, findings = examine(tmp_path / "home", TREADLE_COMPUTE_PROFILES=str(profiles))
    assert (code, findings["profiles"]["level"]) == (1, "fail")
    assert "'large'" in findings["profiles"]["message"]
