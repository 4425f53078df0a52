"""Why a job failed: a typed cause with one sentence of what to do, judged from the facts its supervisor reports."""

import errno
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from treadle.domain.outcome import Ending, Failure, Outcome


class CauseCode(StrEnum):
    """The kinds of causes."""

    USER_EXCEPTION = "user_exception"
    SYNTAX_ERROR = "syntax_error"
    MISSING_PACKAGE = "missing_package"
    RESULT_NOT_SERIALIZABLE = "result_not_serializable"
    OUT_OF_MEMORY = "out_of_memory"
    FILES_NOT_STORED = "files_not_stored"
    DISK_FULL = "disk_full"
    EXIT_CODE = "exit_code"
    KILLED = "killed"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    WORKER_LOST = "worker_lost"
    NOT_STARTED = "not_started"
    ENVIRONMENT_NOT_BUILT = "environment_not_built"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a job failed.

    Attributes:
        code: The kind.
        message: What happened, in one or two sentences.
        hint: What to do, in one sentence.
        exception: Name of the exception class, if one was the reason.
        details: Facts: file, line, exit code, signal, traceback ...
    """

    code: CauseCode
    message: str
    hint: str
    exception: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    def to_event(self) -> dict[str, Any]:
        """Return the particulars of the row it gets in the job's history, in the form in which programs send errors too.

        Other clients print what is in ``args`` line by line, so that people read the hint and the traceback there.
        """
        return {
            "code": self.code,
            "message": self.message,
            "exception": self.exception or self.code,
            "args": {"hint": self.hint, **self.details},
        }

    @classmethod
    def from_event(cls, data: Mapping[str, Any]) -> "Cause":
        """Return the cause of which `to_event` returned this."""
        details = dict(data["args"])
        exception = "" if data["exception"] == data["code"] else data["exception"]
        return cls(CauseCode(data["code"]), data["message"], details.pop("hint"), exception, details)


_CRASH_SIGNALS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT})
_READ_THE_LOG = "Read the end of the job's log; the line and the values printed there tell where to look."


def diagnose(outcome: Outcome) -> Cause | None:
    """Return why the attempt did not succeed, or None if it did."""
    match outcome.ending:
        case Ending.STOPPED:
            return _STOPPED
        case Ending.TIMED_OUT:
            return _timed_out(outcome)
        case Ending.LOST:
            return WORKER_LOST
        case Ending.NOT_STARTED:
            return _not_started(outcome.failure)
        case Ending.EXITED:
            return _exited(outcome)


WORKER_LOST = Cause(
    CauseCode.WORKER_LOST,
    "The process that looked after the program is gone, and the program with it.",
    "Run the job again; if it happens again, look for a full memory or a killed process in the machine's system log.",
)


def environment_not_built(message: str, hint: str) -> Cause:
    """Return why a job failed whose environment is not there.

    Args:
        message: The end of the build log, or why nothing can be started in it.
        hint: What to do.
    """
    return Cause(
        CauseCode.ENVIRONMENT_NOT_BUILT, f"The environment of the function could not be built: {message}", hint
    )


_STOPPED = Cause(
    CauseCode.KILLED,
    "The program was told to end from outside the platform.",
    "Run the job again; whoever ended it works on the platform's machine.",
)


def _timed_out(outcome: Outcome) -> Cause:
    return Cause(
        CauseCode.TIMEOUT,
        f"The program was ended after {outcome.wall_seconds:.0f} s, its time limit.",
        "Raise the limit, or make the program shorter, for instance by spreading its work over more tasks.",
        details={"wall_seconds": outcome.wall_seconds},
    )


def _not_started(failure: Failure | None) -> Cause:
    if failure is None:
        return Cause(CauseCode.NOT_STARTED, "The program could not be started.", "Ask the operator of the platform.")
    return Cause(
        CauseCode.NOT_STARTED,
        f"The program could not be started: {failure.message}",
        "Upload the function again with the file it names; if it is there, ask the operator of the platform.",
        failure.type,
        _facts(failure),
    )


def _exited(outcome: Outcome) -> Cause | None:
    if outcome.exit_code == 0:
        return None
    if outcome.failure is not None:
        return _raised(outcome.failure)
    if outcome.signal is not None:
        return _signalled(outcome.signal)
    return Cause(
        CauseCode.EXIT_CODE,
        f"The program ended with exit code {outcome.exit_code}.",
        "End it with exit code 0 when it has done its work; the job's log shows what it printed before.",
        details={"exit_code": outcome.exit_code},
    )


def _signalled(number: int) -> Cause:
    name = signal.Signals(number).name if number in list(signal.Signals) else f"signal {number}"
    details = {"signal": number}
    if number in _CRASH_SIGNALS:
        return Cause(
            CauseCode.CRASHED,
            f"The program crashed ({name}) in compiled code.",
            "The fault lies in a compiled extension: find the call by printing before it, then report it to that package.",
            details=details,
        )
    return Cause(
        CauseCode.KILLED,
        f"The program was killed ({name}) from outside.",
        "If nobody did so on purpose, the machine most likely ran out of memory: use less, or ask for more.",
        details=details,
    )


def _raised(failure: Failure) -> Cause:
    message = f"{failure.type}: {failure.message}" + _place(failure)
    code, hint = _kind_and_hint(failure)
    return Cause(code, message, hint, failure.type, _facts(failure))


def _kind_and_hint(failure: Failure) -> tuple[CauseCode, str]:
    if "module" in failure.details:
        module = str(failure.details["module"]).split(".", 1)[0]
        return CauseCode.MISSING_PACKAGE, (
            f"The function's environment has no module {module!r}: name its package in dependencies=[...] "
            "and upload again, or put it into the function's folder."
        )
    if failure.type in ("SyntaxError", "IndentationError", "TabError"):
        return CauseCode.SYNTAX_ERROR, "Correct the line and upload the function again."
    if "path" in failure.details:
        return CauseCode.RESULT_NOT_SERIALIZABLE, (
            f"Turn {failure.details['path']} into numbers, text, arrays, circuits or containers of these before save_result()."
        )
    if "files" in failure.details:
        return CauseCode.FILES_NOT_STORED, (
            "Have the program write less, or under other names, or delete files you no longer need, and run the job again."
        )
    if failure.details.get("errno") in (errno.ENOSPC, errno.EDQUOT):
        return CauseCode.DISK_FULL, "Free some space on the platform's disk, or write less in the program."
    if failure.type in ("MemoryError", "numpy._core._exceptions._ArrayMemoryError"):
        return CauseCode.OUT_OF_MEMORY, "Work on smaller pieces, or ask for more memory."
    return CauseCode.USER_EXCEPTION, _READ_THE_LOG


def _place(failure: Failure) -> str:
    return f" (in {failure.file}, line {failure.line})" if failure.file else ""


def _facts(failure: Failure) -> dict[str, Any]:
    return {"file": failure.file, "line": failure.line, "traceback": failure.traceback, **failure.details}
