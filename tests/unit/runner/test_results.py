"""A large result goes to the object store if the gateway says where; if it does not, to the gateway."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from qiskit_serverless.encodings import LARGE
from tests.conformance.runner_gateway import Attempt, RunnerGateway
from treadle.runner.gateway import Gateway
from treadle.runner.results import send_result


@pytest.fixture
def server() -> Iterator[RunnerGateway]:
    running = RunnerGateway()
    yield running
    running.close()


@pytest.fixture
def job(server: RunnerGateway) -> Attempt:
    return server.add(b"")


@pytest.fixture
def gateway(server: RunnerGateway, job: Attempt, tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(server.url, job.job_id, job.number, job.token, tmp_path / "gateway.json")
    yield made
    made.close()


def test_a_small_result_is_sent_at_once(gateway: Gateway, job: Attempt) -> None:
    send_result(gateway, io.BytesIO(b"{}"), gateway.call)
    assert job.result == b"{}"
    assert job.calls == ["result"]


def test_a_gateway_without_a_store_gets_a_large_result_itself(gateway: Gateway, job: Attempt) -> None:
    send_result(gateway, io.BytesIO(b"x" * LARGE), gateway.call)
    assert job.result == b"x" * LARGE
    assert job.calls == ["result/upload", "result"]


def test_a_store_that_cannot_be_reached_is_not_asked_twice(
    gateway: Gateway, job: Attempt, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("qiskit_serverless.object_store._PAUSES", ())
    job.upload = {"upload": "u", "part_size": LARGE, "urls": ["http://127.0.0.1:9/?X-Amz-Signature=secret"]}
    for _ in range(2):
        send_result(gateway, io.BytesIO(b"x" * LARGE), gateway.call)
    assert job.calls.count("result/upload") == 1
    assert job.calls.count("result") == 2
    assert job.result == b"x" * LARGE
    said = capfd.readouterr().err
    assert "large values go through the gateway" in said
    assert "secret" not in said
