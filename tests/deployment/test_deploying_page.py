"""What docs/deploying.md tells people to do works, as far as it can be done without their machines."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest
import yaml
from docs.reference import DOCS
from ray.scripts.scripts import start
from typer.main import get_command

from qiskit_serverless import QiskitFunction, ServerlessClient
from tests.deployment import PROJECT, unknown_settings, variables_in
from tests.deployment.chart import documents, pods, variables
from tests.running_platform import LEAVE_SECONDS, RunningPlatform
from tests.test_docs import blocks
from treadle.adapters.profiles_file import read_profiles
from treadle.cli.app import app
from treadle.runner.node import HOME_VARIABLE
from treadle.settings import Settings

PAGE = DOCS / "deploying.md"
TEXT = PAGE.read_text()


def block(file: str) -> str:
    [found] = [each.text for each in blocks(PAGE) if each.file == file]
    return found


def test_it_names_settings_files_and_commands_that_there_are() -> None:
    named = set(re.findall(r"(?:^|[/ `])treadle ([a-z]+) (?:[a-z]|/etc)", TEXT, re.MULTILINE))
    files = set(re.findall(r"deploy/[\w./@-]*[\w]", TEXT)) - {"deploy/compose/secrets"}

    assert unknown_settings(variables_in(TEXT)) - {HOME_VARIABLE} == set()
    assert [file for file in files if not (PROJECT / file).exists()] == []
    assert {"secrets", "user", "job"} <= named & get_command(app).commands.keys()  # type: ignore[attr-defined]


def test_its_commands_are_ones_that_a_shell_understands() -> None:
    scripts = [each for each in re.findall(r"^ *```sh(?: file=\S+)?\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)]

    assert len(scripts) >= 8
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_the_options_for_ray_are_ones_that_it_takes() -> None:
    told = re.findall(r"RAY_START=(--[^`\n]+)", TEXT)

    assert len(told) == 3
    for options in told:
        start.make_context("start", ["--block", *shlex.split(options)])


def test_the_settings_for_a_few_machines_have_values_that_they_can_have(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in re.findall(r"^ +((?:TREADLE|RAY)_[A-Z_]+)=(\S+)$", TEXT, re.MULTILINE):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TREADLE_SECRETS", str(tmp_path))
    settings = Settings()

    assert settings.objects == "s3://treadle/production"
    assert settings.job_memory == 16_000_000_000


def test_the_values_for_kubernetes_make_what_the_page_says(tmp_path: Path) -> None:
    values = yaml.safe_load(block("values.yaml"))
    profiles = tmp_path / "profiles.toml"
    profiles.write_text(values["computeProfiles"])
    offered = variables(pods(values)["dispatcher"].container("dispatcher"))["TREADLE_ENGINE"].split(",")

    assert {"Deployment", "RayCluster", "Ingress", "NetworkPolicy"} <= {each["kind"] for each in documents(values)}
    assert set(read_profiles(profiles, strict=False).engines.values()) == set(offered) - {"ray"}
    assert pods(values)["ray-large-memory"].spec["nodeSelector"] == {"pool": "large-memory"}
    assert pods(values)["ray-gpu"].spec["tolerations"]


def test_a_backup_of_a_platform_that_runs_becomes_a_platform_with_all_that_was_there(
    own_platform: RunningPlatform, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text("from qiskit_serverless import save_result\nprint('kept')\nsave_result([1, 2])\n")
    (tmp_path / "backup").write_text(block("backup"))
    client = ServerlessClient(host=own_platform.url, token=own_platform.token)
    job = client.upload(QiskitFunction(title="kept", entrypoint="main.py", working_dir=str(tmp_path))).run()
    assert job.result() == [1, 2]

    subprocess.run(["bash", tmp_path / "backup", own_platform.home, tmp_path / "copy"], check=True)
    own_platform.stop_gateway()
    psutil.wait_procs(own_platform.processes(), timeout=LEAVE_SECONDS)
    shutil.rmtree(own_platform.home)
    shutil.copytree(tmp_path / "copy", own_platform.home)
    own_platform.restart()

    again = ServerlessClient(host=own_platform.url, token=own_platform.token)
    assert again.job(job.job_id).result() == [1, 2]
    assert "kept" in again.job(job.job_id).logs()
    assert again.function("kept").run().result() == [1, 2]
    assert ((own_platform.home / "secret.key").stat().st_mode & 0o777) == 0o600
