"""What those who run a provider's function are not shown of it: its code, and what a failure would tell of that."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from treadle.domain.causes import Cause, CauseCode
from treadle.domain.functions import Function, FunctionVersion
from treadle.domain.jobs import EventType, Job, Origin, StoredEvent

_ANY_ENTRYPOINT = "main.py"
_WORDS_OF_THE_PROGRAM = frozenset(
    {
        CauseCode.USER_EXCEPTION,
        CauseCode.RESULT_NOT_SERIALIZABLE,
        CauseCode.OUT_OF_MEMORY,
        CauseCode.DISK_FULL,
        CauseCode.EXIT_CODE,
        CauseCode.KILLED,
        CauseCode.CRASHED,
        CauseCode.TIMEOUT,
        CauseCode.WORKER_LOST,
    }
)
"""Causes whose message tells what the program raised or how it ended. All others may name files and packages of the provider."""
_FACTS = ("exit_code", "signal", "wall_seconds")


def without_code(version: FunctionVersion) -> FunctionVersion:
    """Return a version without what belongs to its program; clients get values they can read all the same."""
    return replace(
        version,
        entrypoint=_ANY_ENTRYPOINT,
        artifact_digest=None,
        dependencies=(),
        env_vars={},
        environment_digest=None,
        digest=None,
    )


def function_without_code(function: Function) -> Function:
    """Return a function as those see it who may only run it."""
    return replace(function, current=without_code(function.current))


def job_for_caller(job: Job) -> Job:
    """Return a job as its author sees it who may only run the function."""
    if job.cause is None or job.provider is None:
        return job
    return replace(job, cause=_cause_for_caller(job.cause, job.provider.name).to_dict())


def event_for_caller(event: StoredEvent, provider: str) -> StoredEvent:
    """Return a row of a job's history as a caller of the provider's function sees it.

    What the program itself sent as an error is meant for the caller. What the platform found out is cut to the exception and its
    message: no file, no line, no traceback.
    """
    record = event.record
    if record.type is not EventType.ERROR or record.origin is not Origin.SCHEDULER:
        return event
    cause = _cause_for_caller(Cause.from_event(record.data).to_dict(), provider)
    return replace(event, record=replace(record, data=cause.to_event()))


def _cause_for_caller(cause: Mapping[str, Any], provider: str) -> Cause:
    code, details = CauseCode(cause["code"]), cause["details"]
    message = "The function's program could not be run."
    if code in _WORDS_OF_THE_PROGRAM:
        message = cause["message"].removesuffix(f" (in {details.get('file')}, line {details.get('line')})")
    facts = {name: details[name] for name in _FACTS if name in details}
    hint = (
        f"Check what the function was called with; if that is right, tell its provider, {provider}, the id of this job."
    )
    return Cause(code, message, hint, cause["exception"], facts)
