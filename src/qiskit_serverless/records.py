"""What a gateway tells of jobs: what happens to them, their history, why they failed."""

import re
from dataclasses import dataclass
from typing import Any

from qiskit_serverless.exceptions import InvalidArgumentError
from qiskit_serverless.statuses import shown


@dataclass(frozen=True, slots=True)
class JobUpdate:
    """Something that happened to a job; one of the two is None.

    Attributes:
        status: How it stands now, as `Job.status` shows it.
        log: What it has printed since the last such update.
    """

    status: str | None = None
    log: str | None = None

    @classmethod
    def from_event(cls, name: str, data: dict[str, Any]) -> "JobUpdate":
        """Return the update that an event of a job's stream is."""
        if name == "log":
            return cls(log=data["text"])
        return cls(status=shown(data["status"], data.get("sub_status")))


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One entry in the history of a job.

    Attributes:
        event_type: ``STATUS_CHANGE``, ``SUB_STATUS_CHANGE`` or ``ERROR``.
        origin: Who made it.
        context: In the course of what.
        created: When, as ISO 8601 text.
        data: The particulars.
    """

    event_type: str
    origin: str
    context: str
    created: str
    data: dict[str, Any]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "JobEvent":
        """Return the event that the gateway describes."""
        return cls(data["event_type"], data["origin"], data["context"], data["created"], data["data"])


@dataclass(frozen=True, slots=True)
class RuntimeJob:
    """A QPU job that a job has started.

    Attributes:
        runtime_job: Its id at IBM Quantum.
        runtime_session: The id of its session, None without.
    """

    runtime_job: str
    runtime_session: str | None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RuntimeJob":
        """Return the QPU job that the gateway describes."""
        return cls(data["runtime_job"], data.get("runtime_session") or None)


def filtered_lines(text: str, include: str | None = None, exclude: str | None = None) -> str:
    """Return the lines of a log that match a regular expression and do not match another one.

    Args:
        text: The log.
        include: Only lines in which this is found; all if left out.
        exclude: No lines in which this is found.

    Raises:
        InvalidArgumentError: One of the two is not a regular expression.
    """
    wanted, unwanted = _pattern("include", include), _pattern("exclude", exclude)
    lines = text.splitlines(keepends=True)
    return "".join(
        line for line in lines if (not wanted or wanted.search(line)) and not (unwanted and unwanted.search(line))
    )


def _pattern(name: str, text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise InvalidArgumentError(f"{name}={text!r} is not a regular expression: {error}.") from error


def cause_from_events(errors: list[JobEvent]) -> dict[str, Any] | None:
    """Return why a job failed by what its newest error event says; None if there is none."""
    if not errors:
        return None
    data, details = errors[0].data, errors[0].data.get("args")
    told = {name: data.get(name) for name in ("code", "message", "exception")}
    if told["exception"] == told["code"]:
        told["exception"] = ""
    if isinstance(details, dict) and "hint" in details:
        return {**told, "hint": details["hint"], "details": {key: details[key] for key in details if key != "hint"}}
    return {**told, "details": details} if details else told


def cause_from_log(log: str) -> dict[str, Any]:
    """Return why a job failed by the lines of its log that look like it."""
    lines = [line for line in log.splitlines() if "error" in line.lower() or "exception" in line.lower()]
    return {"code": "unknown", "message": "\n".join(lines) or "The gateway does not say why. See job.logs()."}


def failure_text(cause: dict[str, Any]) -> str:
    """Return a cause as lines; the first three are those that users of the PyPI client know."""
    text = f"\n| Message: {cause.get('message')}\n| Code: {cause.get('code')}"
    for name in ("exception", "hint"):
        if cause.get(name):
            text += f"\n| {name.capitalize()}: {cause[name]}"
    details = cause.get("details")
    if not isinstance(details, dict):
        return f"{text}\n| Details: {details}" if details else text
    for name, value in details.items():
        if value not in (None, "") and name != "traceback":
            text += f"\n|   - {name}: {value}"
    return f"{text}\n{details['traceback'].rstrip()}" if details.get("traceback") else text


@dataclass(frozen=True, slots=True)
class FunctionEnvironment:
    """The Python environment of a function.

    Attributes:
        digest: Its address, None for the platform's own.
        status: ``BUILDING``, ``READY`` or ``FAILED``.
        requirements: What the function asks for.
        packages: What is installed, as ``name==version``.
        message: Why it could not be built, or None.
        log: What its last build printed.
    """

    digest: str | None
    status: str
    requirements: tuple[str, ...]
    packages: tuple[str, ...]
    message: str | None
    log: str

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "FunctionEnvironment":
        """Return the environment that the gateway describes."""
        requirements, packages = tuple(data["requirements"]), tuple(data["packages"])
        return cls(data["digest"], data["status"], requirements, packages, data["message"], data["log"])
