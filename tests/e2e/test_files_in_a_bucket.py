"""Programs share no folder with a platform on a bucket: whatever is killed, what they leave is stored, or their job failed."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from qiskit_serverless import ServerlessClient
from qiskit_serverless.exceptions import JobFailedError
from tests.e2e.conftest import client_of, uploader
from tests.running_platform import RunningPlatform
from tests.s3 import S3Server

Make = Callable[..., RunningPlatform]

GATED = """
import os, pathlib, time
from qiskit_serverless import get_arguments, save_result

def pass_gate():
    print("waits", os.getpid(), flush=True)
    while not gate.exists():
        time.sleep(0.01)

gate, look_first, text = pathlib.Path(get_arguments()["gate"]), get_arguments()["look_first"], get_arguments()["text"]
if not look_first:
    pass_gate()
data = pathlib.Path(os.environ["DATA_PATH"])
before = sorted(path.name for path in data.iterdir())
(data / "out.txt").write_text(text)
(data / "large.bin").write_bytes(text.encode() * 1_000_000)
if look_first:
    pass_gate()
save_result(before)
"""


def begin(client: ServerlessClient, folder: Path, text: str = "x", *, look_first: bool) -> tuple[Any, Path, int]:
    """Start a job that waits for a file; return the job, the file, and the program's process id."""
    gate = folder / f"gate-{text}"
    job = uploader(client, folder)("gated", GATED).run(gate=str(gate), text=text, look_first=look_first)
    printed = ""
    for event in job.follow():
        printed += event.log or ""
        if printed.endswith("\n"):
            return job, gate, int(printed.split()[1])
    raise AssertionError("the job ended before it printed anything")


def upload(client: ServerlessClient, folder: Path, name: str) -> None:
    (folder / name).write_text(name)
    client.data().upload(folder / name)


def contents(client: ServerlessClient, folder: Path) -> dict[str, bytes]:
    names = client.data().names()
    return {name: client.data().download(name, folder / f"back-{name}").read_bytes() for name in names}


def test_a_program_that_looks_at_its_files_and_ends_while_the_gateway_is_away(
    make_platform: Make, s3: S3Server, tmp_path: Path
) -> None:
    platform = make_platform(**s3.settings())
    client = client_of(platform)
    upload(client, tmp_path, "in.txt")
    job, gate, _ = begin(client, tmp_path, look_first=False)
    platform.kill()
    gate.touch()
    platform.restart()
    assert job.result() == ["in.txt"]
    assert contents(client, tmp_path) == {"in.txt": b"in.txt", "large.bin": b"x" * 1_000_000, "out.txt": b"x"}


def test_what_a_program_has_left_when_its_supervisor_is_killed(
    make_platform: Make, s3: S3Server, tmp_path: Path
) -> None:
    client = client_of(make_platform(**s3.settings()))
    job, _, program = begin(client, tmp_path, look_first=True)
    supervisor = psutil.Process(program).parent()
    assert supervisor is not None
    supervisor.kill()
    with pytest.raises(JobFailedError) as caught:
        job.result()
    assert caught.value.cause["code"] == "worker_lost"
    assert contents(client, tmp_path) == {"large.bin": b"x" * 1_000_000, "out.txt": b"x"}


LARGE = """
import hashlib, http.client, json, os
from urllib.parse import urlsplit
from qiskit_serverless import save_result

attempt = json.loads(os.environ["TREADLE_SPACES"])["attempt"]
gateway = http.client.HTTPConnection(urlsplit(os.environ["ENV_JOB_GATEWAY_HOST"]).netloc)
path = f"/api/runner/v1/jobs/{os.environ['ENV_JOB_ID_GATEWAY']}/attempts/{attempt}/files/user/content?file=large.bin"
gateway.request("GET", path, headers={"Authorization": f"Bearer {os.environ['ENV_JOB_GATEWAY_TOKEN']}"})
status = gateway.getresponse().status
with open(f"{os.environ['DATA_PATH']}/large.bin", "rb") as file:
    save_result([status, hashlib.sha256(file.read()).hexdigest()])
"""


def test_a_large_file_comes_from_the_bucket_itself(make_platform: Make, s3: S3Server, tmp_path: Path) -> None:
    client = client_of(make_platform(**s3.settings()))
    content = os.urandom(20_000_000)
    (tmp_path / "large.bin").write_bytes(content)
    client.data().upload(tmp_path / "large.bin")
    assert uploader(client, tmp_path)("large", LARGE).run().result() == [307, hashlib.sha256(content).hexdigest()]


def test_of_two_jobs_that_write_the_same_files_the_last_one_wins(
    make_platform: Make, s3: S3Server, tmp_path: Path
) -> None:
    client = client_of(make_platform(**s3.settings()))
    jobs = [begin(client, tmp_path, text, look_first=True) for text in ("first", "second")]
    for job, gate, _ in reversed(jobs):
        gate.touch()
        assert job.result() == []
    assert contents(client, tmp_path) == {"large.bin": b"first" * 1_000_000, "out.txt": b"first"}


def test_a_job_whose_files_are_too_large_has_failed_and_the_others_are_there(
    make_platform: Make, s3: S3Server, tmp_path: Path
) -> None:
    client = client_of(make_platform(**s3.settings(), TREADLE_LARGEST_FILE="300000"))
    job, gate, _ = begin(client, tmp_path, look_first=True)
    gate.touch()
    with pytest.raises(JobFailedError, match=r"'large\.bin' has more than 300000 bytes") as caught:
        job.result()
    assert caught.value.cause["code"] == "files_not_stored"
    assert client.data().names() == ["out.txt"]
