"""A supervisor whose gateway is away sleeps until the next try, instead of looking again and again."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from treadle.runner.gateway import Gateway
from treadle.runner.reporting import LogTail, Reporter


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Reporter]:
    """A reporter whose gateway nobody reaches, and whose program runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    (tmp_path / "log").touch()
    log = os.open(tmp_path / "log", os.O_RDONLY)
    made = Reporter(Gateway(url, "job", 1, "token", tmp_path / "gateway.json"))
    made.started(LogTail(log))
    yield made
    os.close(log)


def test_nothing_is_due_before_the_next_try_however_long_a_heartbeat_is_overdue(reporter: Reporter) -> None:
    for _ in range(5):
        reporter.gateway.retry_at = 0.0
        reporter._heartbeat_due = 0.0
        reporter.step()
        assert reporter.gateway.retry_at > time.monotonic()
        assert reporter.due() == reporter.gateway.retry_at


def test_nothing_is_due_when_the_gateway_wants_nothing_more(reporter: Reporter) -> None:
    reporter.over = True
    assert reporter.due() == float("inf")
