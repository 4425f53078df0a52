"""What is sent when, and what happens when it is not accepted."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.runner_gateway import Attempt, RunnerGateway
from treadle.runner.gateway import AttemptOverError, Gateway
from treadle.runner.reporting import LogTail, Reporter


@pytest.fixture
def server() -> Iterator[RunnerGateway]:
    running = RunnerGateway()
    yield running
    running.close()


@pytest.fixture
def job(server: RunnerGateway) -> Attempt:
    return server.add(b"")


@pytest.fixture
def reporter(server: RunnerGateway, job: Attempt, tmp_path: Path) -> Iterator[Reporter]:
    gateway = Gateway(server.url, job.job_id, job.number, job.token, tmp_path / "gateway.json")
    yield Reporter(gateway)
    gateway.close()


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Callable[[bytes], None]]:
    """Append to the log."""
    with (tmp_path / "program.log").open("ab", buffering=0) as file:
        yield lambda data: (file.write(data), None)[1]


@pytest.fixture
def log(write: Callable[[bytes], None], tmp_path: Path) -> Iterator[LogTail]:
    descriptor = os.open(tmp_path / "program.log", os.O_RDONLY)
    yield LogTail(descriptor)
    os.close(descriptor)


def exchange(reporter: Reporter) -> bool:
    """Send what is next and take the answer. Returns whether there was anything."""
    reporter.step()
    sent = reporter.answer_pending
    if sent:
        reporter.receive()
    return sent


def test_reports_go_out_in_order(
    reporter: Reporter, job: Attempt, log: LogTail, write: Callable[[bytes], None]
) -> None:
    write(b"text")
    reporter.started(log)
    reporter.stage("MAPPING")
    while exchange(reporter):
        pass

    assert job.calls == ["started", "status", "logs"]
    assert job.log == b"text"


def test_nothing_to_report_is_not_reported(reporter: Reporter, job: Attempt, log: LogTail) -> None:
    reporter.started(log)
    assert exchange(reporter)
    assert not exchange(reporter)

    assert job.calls == ["started"]
    assert time.monotonic() + 3 < reporter.due() < time.monotonic() + 5, "the next heartbeat"


def test_a_log_that_grows_all_the_time_is_not_sent_all_the_time(
    reporter: Reporter, job: Attempt, log: LogTail, write: Callable[[bytes], None]
) -> None:
    reporter.started(log)
    write(b"one")
    exchange(reporter)
    exchange(reporter)
    write(b"two")

    assert not reporter.log_ready
    assert not exchange(reporter)
    assert time.monotonic() < reporter.due() < time.monotonic() + 0.1
    reporter.flush(time.sleep)
    assert job.log == b"onetwo"


def test_a_log_goes_on_from_where_the_gateways_copy_ends(
    reporter: Reporter, job: Attempt, log: LogTail, write: Callable[[bytes], None]
) -> None:
    job.log = b"0123"
    write(b"0123456789")
    reporter.started(log)
    reporter.flush(time.sleep)

    assert job.log == b"0123456789"


def test_a_log_is_sent_again_if_the_gateway_lost_some(
    reporter: Reporter, job: Attempt, log: LogTail, write: Callable[[bytes], None]
) -> None:
    write(b"01234")
    reporter.started(log)
    reporter.flush(time.sleep)
    job.log = b"01"
    write(b"56789")
    reporter.flush(time.sleep)

    assert job.log == b"0123456789"


def test_a_long_log_is_sent_in_parts(
    reporter: Reporter, job: Attempt, log: LogTail, write: Callable[[bytes], None]
) -> None:
    text = bytes(range(256)) * 16_000
    write(text)
    reporter.started(log)
    reporter.flush(time.sleep)

    assert job.log == text
    assert job.calls.count("logs") == 4


def test_a_gateway_that_wants_fewer_parts_gets_larger_ones(
    reporter: Reporter, job: Attempt, log: LogTail, write: Callable[[bytes], None]
) -> None:
    job.pause = 5.0
    reporter.started(log)
    exchange(reporter)
    write(b"one")
    exchange(reporter)
    write(b"two")
    assert not exchange(reporter)
    assert time.monotonic() + 3 < reporter.due()
    write(b"three")
    reporter.flush(time.sleep)  # the end of the program is not kept waiting

    assert job.log == b"onetwothree"
    assert job.calls == ["started", "logs", "logs"]


def test_a_log_of_more_than_a_part_is_not_held_back(
    reporter: Reporter, job: Attempt, log: LogTail, write: Callable[[bytes], None]
) -> None:
    job.pause = 5.0
    text = bytes(range(256)) * 9_000
    write(text)
    reporter.started(log)
    while exchange(reporter):
        pass

    assert job.calls == ["started", "logs", "logs"]
    assert text.startswith(job.log)
    assert len(job.log) == 2 * 2**20


def test_a_gateway_that_takes_no_more_of_the_log(
    reporter: Reporter, job: Attempt, log: LogTail, write: Callable[[bytes], None], capfd: pytest.CaptureFixture[str]
) -> None:
    job.refused["logs"] = 413
    write(b"text")
    reporter.started(log)
    reporter.flush(time.sleep)

    assert job.tried == ["started", "logs"]
    assert "takes no more of the log after 0 bytes: refused by the test" in capfd.readouterr().err


def test_a_log_that_was_cut_by_its_program_is_no_trouble(
    reporter: Reporter, job: Attempt, log: LogTail, write: Callable[[bytes], None], tmp_path: Path
) -> None:
    write(b"0123456789")
    reporter.started(log)
    reporter.flush(time.sleep)
    os.truncate(tmp_path / "program.log", 3)
    reporter.flush(time.sleep)

    assert job.log == b"0123456789"


def test_nothing_is_lost_while_the_gateway_is_away(
    server: RunnerGateway, reporter: Reporter, job: Attempt, log: LogTail, write: Callable[[bytes], None]
) -> None:
    server.off()
    reporter.started(log)
    reporter.stage("MAPPING")
    write(b"text")
    exchange(reporter)
    assert not reporter.log_ready
    reporter.stage("EXECUTING_QPU")
    server.on()
    reporter.flush(time.sleep)

    assert job.calls == ["started", "status", "status", "logs"]
    assert job.stages == ["MAPPING", "EXECUTING_QPU"]


def test_an_answer_that_does_not_come_is_given_up(
    reporter: Reporter, job: Attempt, log: LogTail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("treadle.runner.reporting._ANSWER_SECONDS", 0.0)
    reporter.started(log)
    reporter.step()
    assert reporter.answer_pending
    reporter.step()
    assert not reporter.answer_pending
    monkeypatch.undo()
    reporter.flush(time.sleep)

    assert job.calls.count("started") >= 1


def test_of_very_many_stages_the_oldest_are_dropped(reporter: Reporter, job: Attempt, log: LogTail) -> None:
    reporter.started(log)
    for number in range(1500):
        reporter.stage(f"STAGE_{number}")
    reporter.flush(time.sleep)

    assert job.calls[0] == "started"
    assert len(job.stages) == 1000
    assert job.stages[-1] == "STAGE_1499"


def test_a_refused_stage_is_told_to_the_operator(
    reporter: Reporter, job: Attempt, log: LogTail, capfd: pytest.CaptureFixture[str]
) -> None:
    job.refused["status"] = 400
    reporter.started(log)
    reporter.stage("DREAMING")
    reporter.flush(time.sleep)

    assert 'refused status b\'{"sub_status": "DREAMING"}\'' in capfd.readouterr().err


def test_the_gateway_can_ask_for_a_stop(reporter: Reporter, job: Attempt, log: LogTail) -> None:
    job.stop = True
    reporter.started(log)
    assert not reporter.stop_requested
    exchange(reporter)

    assert reporter.stop_requested


def test_an_attempt_that_is_over(reporter: Reporter, job: Attempt, log: LogTail) -> None:
    job.refusal = 409
    reporter.started(log)
    exchange(reporter)
    assert reporter.over
    assert not exchange(reporter)

    with pytest.raises(AttemptOverError):
        reporter.flush(time.sleep)
    assert job.tried == ["started"]
