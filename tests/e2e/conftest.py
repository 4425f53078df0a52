"""A client at a running platform, and programs to upload."""

import io
import tarfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx2
import pytest

from qiskit_serverless import QiskitFunction, ServerlessClient
from tests.running_platform import RunningPlatform

UNKNOWN = "00000000-0000-7000-8000-000000000000"
"""An identifier that nothing has."""


class Upload(Protocol):
    """Uploads a program and returns the function, ready to run."""

    def __call__(self, title: str, program: str, *, files: dict[str, str] | None = None, **fields: Any) -> Any: ...


def client_of(platform: RunningPlatform) -> ServerlessClient:
    """Return a client of the platform's owner."""
    return ServerlessClient(host=platform.url, token=platform.token, channel="local")


def uploader(client: ServerlessClient, folder: Path) -> Upload:
    """Return a function that uploads programs with `client`."""

    def upload(title: str, program: str, *, files: dict[str, str] | None = None, **fields: Any) -> Any:
        source = folder / title
        for name, text in {"main.py": program, **(files or {})}.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return client.upload(QiskitFunction(title=title, entrypoint="main.py", working_dir=str(source), **fields))

    return upload


@pytest.fixture
def client(platform: RunningPlatform) -> ServerlessClient:
    """A client of the shared platform."""
    return client_of(platform)


@pytest.fixture
def upload(client: ServerlessClient, tmp_path: Path) -> Upload:
    """Upload programs to the shared platform."""
    return uploader(client, tmp_path)


@pytest.fixture
def http(platform: RunningPlatform) -> Iterator[httpx2.Client]:
    """A bare HTTP client with the owner's token."""
    headers = {"Authorization": f"Bearer {platform.token}"}
    with httpx2.Client(base_url=platform.url, headers=headers, timeout=30) as client:
        yield client


def tar_of(**files: str) -> bytes:
    """Return a tar file; ``main_py`` becomes ``main.py``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name.replace("_py", ".py"))
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def upload_with(http: httpx2.Client, artifact: bytes | None = None, name: str = "artifact.tar", **fields: str) -> Any:
    """Upload a function called ``edge`` unless the fields say otherwise, without the SDK."""
    files = {"artifact": (name, artifact)} if artifact is not None else None
    return http.post("/api/v1/programs/upload/", data={"title": "edge", **fields}, files=files)


def message(answer: Any, status: int = 400) -> str:
    """Return the words of an answer that is an error with this status."""
    assert answer.status_code == status, answer.text
    [text] = answer.json().values()
    return str(text)


def run_to_its_end(http: httpx2.Client, title: str, **fields: Any) -> str:
    """Run a function without the SDK, wait for the end of the job, and return its id."""
    answer = http.post("/api/v1/programs/run/", json={"title": title, "arguments": "{}", "config": {}, **fields})
    assert answer.status_code == 200, answer.text
    job_id = str(answer.json()["id"])
    assert "event: end" in http.get(f"/api/v1/jobs/{job_id}/stream/").text
    return job_id


def statuses_of(job: Any) -> list[str]:
    """Return every status of a job, oldest first, as its history has them."""
    told = [event.data for event in reversed(job.events()) if event.event_type != "ERROR"]
    return [data.get("sub_status") or data["status"] for data in told]
