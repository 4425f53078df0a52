"""Fixtures for the tests of the SDK."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qiskit_serverless import ServerlessClient
from tests.unit.sdk.blocking import blocking_client
from tests.unit.sdk.scripted_gateway import ScriptedGateway, scripted_gateway

VARIABLES = (
    "TREADLE_HOST",
    "TREADLE_TOKEN",
    "ENV_GATEWAY_PROVIDER_HOST",
    "ENV_GATEWAY_PROVIDER_TOKEN",
    "ENV_JOB_ID_GATEWAY",
    "ARGUMENTS_PATH",
    "RESULTS_PATH",
    "TREADLE_REPORT_FD",
    "REQUESTS_TIMEOUT_OVERRIDE",
    "MAX_ARTIFACT_FILE_SIZE_MB_OVERRIDE",
    "QISKIT_IBM_TOKEN",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment in which nothing is configured, and an empty home folder."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("TREADLE_HOME", str(folder))
    return folder


@pytest.fixture
def gateway() -> Iterator[ScriptedGateway]:
    """A gateway that says what the test wants to hear."""
    with scripted_gateway() as running:
        yield running


@pytest.fixture
def client(gateway: ScriptedGateway) -> Iterator[ServerlessClient]:
    """A client of it."""
    with ServerlessClient(host=gateway.url, token="t0ken", instance="crn:v1:x", channel="local") as connected:
        gateway.requests.clear()
        yield connected


@pytest.fixture(params=[ServerlessClient, blocking_client], ids=["blocking", "asynchronous"])
def either_client(request: pytest.FixtureRequest, gateway: ScriptedGateway) -> Iterator[Any]:
    """A client of either side, with calls that block."""
    with request.param(host=gateway.url, token="t0ken", instance="crn:v1:x", channel="local") as connected:
        gateway.requests.clear()
        yield connected
