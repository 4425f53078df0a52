"""What those who run a provider's function are told of its failures."""

from datetime import UTC, datetime
from typing import Any

import pytest

from treadle.domain.causes import WORKER_LOST, Cause, CauseCode, diagnose
from treadle.domain.jobs import Context, EventRecord, EventType, Origin, StoredEvent
from treadle.domain.outcome import Ending, Failure, Outcome
from treadle.domain.privacy import event_for_caller

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FAILURE = Failure("ValueError", "angle is negative", "secret.py", 7, "Traceback: secret.py", {"module": "secret"})


def told(cause: Cause) -> dict[str, Any]:
    """Return what a caller of the lab's function reads of a cause."""
    record = EventRecord(EventType.ERROR, Origin.SCHEDULER, Context.UPDATE_JOB_STATUS, cause.to_event())
    return event_for_caller(StoredEvent(1, NOON, record), "lab").record.data


def diagnosed(failure: Failure, ending: Ending = Ending.EXITED) -> Cause:
    cause = diagnose(Outcome(ending, exit_code=1, failure=failure))
    assert cause is not None
    return cause


def test_an_exception_is_told_with_its_message_but_without_its_place() -> None:
    data = told(diagnosed(Failure("ValueError", "angle is negative", "secret.py", 7, "secret traceback")))
    assert data["message"] == "ValueError: angle is negative"
    assert data["exception"] == "ValueError"
    assert "secret" not in str(data)
    assert "lab" in data["args"]["hint"]


@pytest.mark.parametrize(
    "cause",
    [
        diagnosed(FAILURE),
        diagnosed(Failure("SyntaxError", "invalid syntax (secret.py, line 3)", "secret.py", 3)),
        diagnosed(Failure("FileNotFoundError", "no secret.py"), Ending.NOT_STARTED),
    ],
    ids=lambda cause: cause.code,
)
def test_what_would_name_files_or_packages_is_not_told(cause: Cause) -> None:
    assert "secret" not in str(told(cause))


def test_how_a_program_ended_is_told() -> None:
    assert told(WORKER_LOST)["message"] == WORKER_LOST.message
    cause = diagnose(Outcome(Ending.EXITED, exit_code=3))
    assert cause is not None
    assert told(cause)["args"]["exit_code"] == 3


@pytest.mark.parametrize("cause", [diagnosed(FAILURE), WORKER_LOST], ids=lambda cause: cause.code)
def test_a_row_of_the_history_keeps_all_of_a_cause(cause: Cause) -> None:
    assert Cause.from_event(cause.to_event()) == cause


@pytest.mark.parametrize("code", CauseCode)
def test_whatever_the_cause_its_details_stay_with_the_provider(code: CauseCode) -> None:
    cause = Cause(code, "message", "Read secret.py.", "E", {"file": "secret.py", "line": 1, "traceback": "secret"})
    assert "secret" not in str(told(cause))


def test_what_the_program_sent_itself_is_told_as_it_is() -> None:
    data = {"code": "42", "message": "Too cold.", "exception": "OvenError", "args": {"cause": "the oven"}}
    record = EventRecord(EventType.ERROR, Origin.API, Context.SEND_ERROR, data)
    event = StoredEvent(1, NOON, record)
    assert event_for_caller(event, "lab") == event
