"""The clients people have from PyPI work against our gateway, unchanged."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.contract.environments import CLIENT_VERSIONS, client_python
from tests.running_platform import RunningPlatform

HERE = Path(__file__).parent
CHANNELS = {
    "local channel": {"channel": "local"},
    "default channel": {"instance": "crn:v1:any:instance"},
}

# Longer than the others may take: the first run on a machine downloads the client's packages.
pytestmark = pytest.mark.timeout(600)


def test_both_generations_of_the_client_are_tried() -> None:
    assert CLIENT_VERSIONS == ("0.35.1", "0.37.0")


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("version", CLIENT_VERSIONS)
def test_upload_run_status_logs_and_result(
    version: str, channel: str, platform: RunningPlatform, tmp_path: Path
) -> None:
    title = f"hello-{version.replace('.', '-')}-{channel.replace(' ', '-')}"

    seen = tell(version, platform, CHANNELS[channel], title, tmp_path)

    assert seen["client"] == version
    assert seen["uploaded"] == title
    assert title in seen["listed"]
    assert seen["first_status"] in {"QUEUED", "INITIALIZING", "RUNNING", "DONE"}
    assert seen["result"] == {"greeting": "Hello, Ada!", "length": 3}
    assert seen["status"] == "DONE"
    assert seen["logs"] == "Hello, Ada!\n"
    assert seen["found_again"]
    assert seen["jobs_of_function"]
    assert seen["done_jobs"]
    assert seen["failure"]["status"] == "ERROR"
    assert "no such molecule: unobtainium" in seen["failure"]["error"]
    assert "before the fall" in seen["failure"]["logs"]
    assert "Qiskit Function nobody-wrote-this doesn't exist." in seen["unknown_function"]
    assert "Code: 401" in seen["wrong_token"]


def tell(version: str, platform: RunningPlatform, channel: dict[str, str], title: str, folder: Path) -> Any:
    """Run the story in the client's own environment, with a home of its own, and return what it printed."""
    program = shutil.copytree(
        HERE / "hello", folder / "hello"
    )  # a copy, for the client packs its archive inside this folder
    setup = {
        "client": {"host": platform.url, "token": platform.token, **channel},
        "working_dir": str(program),
        "title": title,
    }
    done = subprocess.run(
        [client_python(version), "-I", "-W", "ignore", HERE / "story.py", json.dumps(setup)],
        env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
