"""The services of systemd: what systemd takes, with settings that there are, and programs that outlive a restart."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ray.scripts.scripts import start
from typer.main import get_command

from tests.deployment import DEPLOY, unknown_settings, variables_in
from treadle.cli.app import app
from treadle.cli.exit_codes import ExitCode
from treadle.runner.node import HOME_VARIABLE

FOLDER = DEPLOY / "systemd"
PLATFORM = FOLDER / "treadle@.service"
RAY = FOLDER / "treadle-ray.service"
CLOSED = [  # what both services must say, each with the value that they say it with
    *("NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes", "PrivateDevices=yes"),
    *("ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectControlGroups=yes", "RestrictSUIDSGID=yes"),
    *("RestrictNamespaces=yes", "LockPersonality=yes", "SystemCallFilter=@system-service", "UMask=0077"),
]


def lines(unit: Path) -> list[str]:
    return unit.read_text().splitlines()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
def test_systemd_takes_the_services(tmp_path: Path) -> None:
    for unit in (PLATFORM, RAY):  # with commands that this machine has
        text = re.sub(r"/opt/treadle/bin/\w+", "/bin/true", unit.read_text())
        (tmp_path / unit.name.replace("@", "@all")).write_text(text)
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *tmp_path.iterdir()], capture_output=True, text=True, check=False
    )

    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_they_name_settings_that_there_are() -> None:
    assert unknown_settings(variables_in(PLATFORM.read_text())) == set()
    assert variables_in(RAY.read_text()) == {HOME_VARIABLE}


def test_they_start_commands_that_there_are() -> None:
    [platform] = [shlex.split(line.partition("=")[2]) for line in lines(PLATFORM) if line.startswith("ExecStart=")]
    [ray] = [shlex.split(line.partition("=")[2]) for line in lines(RAY) if line.startswith("ExecStart=")]
    options = {option for parameter in start.params for option in parameter.opts}

    assert platform[0] == "/opt/treadle/bin/treadle"
    assert platform[1] in get_command(app).commands  # type: ignore[attr-defined]
    assert ray == ["/opt/treadle/bin/ray", "start", "--block", "$RAY_START"]
    assert "--block" in options


@pytest.mark.parametrize("unit", [PLATFORM, RAY], ids=lambda path: path.name)
def test_they_are_confined(unit: Path) -> None:
    assert set(CLOSED) - set(lines(unit)) == set()


def test_what_programs_need_of_a_service_that_restarts_stays() -> None:
    """A program's processes are in the service's cgroup, and its files in /tmp: see the comments of the service."""
    said = lines(PLATFORM)

    assert "KillMode=process" in said
    assert "OOMPolicy=continue" in said
    assert [
        line for line in said if line.startswith(("PrivateTmp=", "DynamicUser=", "RemoveIPC=", "PrivatePIDs="))
    ] == []


def test_settings_that_make_no_sense_do_not_start_it_again_and_again() -> None:
    assert f"RestartPreventExitStatus={int(ExitCode.USAGE)}" in lines(PLATFORM)
    refused = subprocess.run(
        [sys.executable, "-m", "treadle.cli", "up"],
        env={"TREADLE_ROLE": "everything", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert refused.returncode == ExitCode.USAGE


def test_the_proxy_lets_streams_and_large_bodies_pass() -> None:
    said = (FOLDER / "nginx.conf").read_text()

    for line in ("client_max_body_size 0;", "proxy_buffering off;", "proxy_request_buffering off;"):
        assert line in said


@pytest.mark.skipif(shutil.which("nginx") is None, reason="this machine has no nginx")
def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    make = f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout {tmp_path}/privkey.pem"
    subprocess.run([*make.split(), "-out", tmp_path / "fullchain.pem"], check=True, capture_output=True)
    server = (FOLDER / "nginx.conf").read_text().replace("/etc/ssl/treadle", str(tmp_path))
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {server} }}")

    found = subprocess.run(
        ["nginx", "-t", "-p", tmp_path, "-c", configuration], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "warn" not in found.stderr
