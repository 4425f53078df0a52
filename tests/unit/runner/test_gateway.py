"""The connection to the gateway."""

import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.runner_gateway import Attempt, RunnerGateway
from treadle.runner.gateway import AttemptOverError, Call, Gateway, GatewayAwayError, RefusedError


@pytest.fixture
def server() -> Iterator[RunnerGateway]:
    running = RunnerGateway()
    yield running
    running.close()


@pytest.fixture
def job(server: RunnerGateway) -> Attempt:
    return server.add(b"the artifact" * 1000, b'{"x": 1}')


@pytest.fixture
def gateway(server: RunnerGateway, job: Attempt, tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(server.url, job.job_id, job.number, job.token, tmp_path / "gateway.json")
    yield made
    made.close()


@pytest.fixture
def mute() -> Iterator[socket.socket]:
    """A server that accepts connections; the test decides what it says."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def connected_to(mute: socket.socket, tmp_path: Path) -> Gateway:
    return Gateway(f"http://127.0.0.1:{mute.getsockname()[1]}", "job", 1, "token", tmp_path / "gateway.json")


def pause_after_failure(gateway: Gateway) -> float:
    with pytest.raises(GatewayAwayError):
        gateway.call(Call("POST", "heartbeat"))
    return gateway.retry_at - time.monotonic()


def test_a_call(gateway: Gateway, job: Attempt) -> None:
    assert gateway.call(Call("GET", "arguments", b"")) == b'{"x": 1}'
    gateway.call(Call("PUT", "logs?offset=0", b"text"))
    gateway.call(Call("POST", "status", b'{"sub_status": "MAPPING"}'))

    assert job.calls == ["arguments", "logs", "status"]
    assert job.log == b"text"


def test_a_file_is_sent_from_its_start_each_time(gateway: Gateway, job: Attempt) -> None:
    file = io.BytesIO(b"a result")
    file.read()
    gateway.call(Call("PUT", "result", file))
    assert job.result == b"a result"
    gateway.call(Call("PUT", "result", file))

    assert job.result == b"a result"


def test_a_download_replaces_what_an_earlier_try_left(gateway: Gateway, job: Attempt) -> None:
    target = io.BytesIO(b"x" * 100_000)
    gateway.download("artifact", target)

    assert target.getvalue() == job.artifact


def test_an_answer_that_breaks_off_is_no_answer(mute: socket.socket, tmp_path: Path) -> None:
    gateway = connected_to(mute, tmp_path)
    with pytest.raises(GatewayAwayError), served_with(mute, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"):
        gateway.download("artifact", io.BytesIO())


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"SSH-2.0-whatever\r\n", b"\x00"]
)
def test_what_is_no_answer(mute: socket.socket, tmp_path: Path, answer: bytes) -> None:
    gateway = connected_to(mute, tmp_path)
    with pytest.raises(GatewayAwayError), served_with(mute, answer):
        gateway.call(Call("GET", "arguments", b""))


@pytest.mark.parametrize("status", [401, 404, 409, 410])
def test_an_attempt_that_is_over(gateway: Gateway, job: Attempt, status: int) -> None:
    job.refusal = status
    with pytest.raises(AttemptOverError, match="refused by the test") as caught:
        gateway.call(Call("POST", "heartbeat"))

    assert caught.value.status == status


@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_a_call_that_is_refused(gateway: Gateway, job: Attempt, status: int) -> None:
    job.refusal = status
    with pytest.raises(RefusedError, match="refused by the test"):
        gateway.call(Call("POST", "heartbeat"))


@pytest.mark.parametrize("status", [302, 408, 429, 500, 502, 503, 507])
def test_a_gateway_in_trouble(gateway: Gateway, job: Attempt, status: int) -> None:
    job.refusal = status
    assert pause_after_failure(gateway) > 0
    job.refusal = None

    gateway.call(Call("POST", "heartbeat"))


def test_pauses_grow_up_to_a_limit_and_end_with_success(server: RunnerGateway, gateway: Gateway) -> None:
    server.off()
    pauses = [round(pause_after_failure(gateway), 1) for _ in range(9)]
    assert pauses == sorted(pauses)
    assert pauses[0] <= 0.1
    assert 4.5 < pauses[-1] <= 5
    gateway.retry_now()
    assert gateway.retry_at == 0
    server.on()
    gateway.call(Call("POST", "heartbeat"))
    server.off()

    assert pause_after_failure(gateway) <= 0, "the old connection may just have expired"
    assert pause_after_failure(gateway) < 0.1


def test_a_connection_is_kept(server: RunnerGateway, gateway: Gateway) -> None:
    gateway.begin(Call("POST", "heartbeat"))
    first = gateway.fileno()
    gateway.finish()
    gateway.begin(Call("POST", "heartbeat"))

    assert gateway.fileno() == first
    gateway.finish()


def test_a_gateway_that_moved_is_found(server: RunnerGateway, gateway: Gateway, tmp_path: Path) -> None:
    server.move()
    (tmp_path / "gateway.json").write_text(json.dumps({"url": server.url, "pid": 1}))
    pause_after_failure(gateway)

    gateway.call(Call("POST", "heartbeat"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": 3}', '{"url": "nonsense"}'])
def test_an_address_that_makes_no_sense_is_ignored(
    server: RunnerGateway, gateway: Gateway, tmp_path: Path, text: str
) -> None:
    (tmp_path / "gateway.json").write_text(text)
    server.off()
    pause_after_failure(gateway)
    server.on()

    gateway.call(Call("POST", "heartbeat"))


def test_a_gateway_below_a_path(mute: socket.socket, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{mute.getsockname()[1]}/below/"
    gateway = Gateway(url, "job", 2, "secret", tmp_path / "gateway.json")
    with served_with(mute, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as request:
        gateway.call(Call("POST", "heartbeat"))

    assert request[0].startswith(b"POST /below/api/runner/v1/jobs/job/attempts/2/heartbeat HTTP/1.1\r\n")
    assert b"Authorization: Bearer secret\r\n" in request[0]
    gateway.close()


class served_with:  # noqa: N801  (reads as a phrase)
    """While this is on, the next connection gets one answer and is closed. As a value: the requests."""

    def __init__(self, listening: socket.socket, answer: bytes) -> None:
        self._listening = listening
        self._answer = answer
        self._requests: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> list[bytes]:
        self._thread.start()
        return self._requests

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            self._requests.append(connection.recv(65536))
            connection.sendall(self._answer)
