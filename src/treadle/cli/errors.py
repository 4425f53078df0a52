"""Errors as a command shows them: one clear line, a hint, and an exit code that says what kind it is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from treadle.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from qiskit_serverless.exceptions import QiskitServerlessException
    from treadle.domain.errors import TreadleError


_FORBIDDEN = 403


class CommandError(Exception):
    """A command cannot do what it was asked.

    Attributes:
        exit_code: The exit code it ends with.
        hint: What to do about it, or an empty string.
    """

    def __init__(self, message: str, *, exit_code: ExitCode = ExitCode.FAILED, hint: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Explanation:
    """An error for people and scripts.

    Attributes:
        message: What went wrong.
        hint: What to do about it, or an empty string.
        exit_code: The exit code of the command.
    """

    message: str
    hint: str
    exit_code: ExitCode


def expected_errors() -> tuple[type[Exception], ...]:
    """Return the classes of errors that are explained without a traceback.

    Called when something was raised, so that a command that goes well does not import what it does not need.
    """
    from qiskit_serverless.exceptions import QiskitServerlessException
    from treadle.domain.errors import TreadleError

    return CommandError, QiskitServerlessException, TreadleError


def explain(error: Exception) -> Explanation:
    """Return what to tell about one of the `expected_errors`."""
    from qiskit_serverless.exceptions import QiskitServerlessException

    if isinstance(error, CommandError):
        return Explanation(str(error), error.hint, error.exit_code)
    if isinstance(error, QiskitServerlessException):
        return _explain_sdk_error(error)
    return _explain_platform_error(error)


def _explain_platform_error(error: "TreadleError | Exception") -> Explanation:
    from treadle.domain.errors import InvalidError, NotFoundError

    known: dict[type[Exception], ExitCode] = {InvalidError: ExitCode.USAGE, NotFoundError: ExitCode.NOT_FOUND}
    return Explanation(str(error), getattr(error, "hint", ""), known.get(type(error), ExitCode.FAILED))


def _explain_sdk_error(error: "QiskitServerlessException") -> Explanation:
    from qiskit_serverless import exceptions as sdk

    known = {
        sdk.PlatformNotFoundError: (ExitCode.UNREACHABLE, ""),
        sdk.GatewayConnectionError: (ExitCode.UNREACHABLE, "`treadle doctor` looks for the reason."),
        sdk.AccessError: (
            ExitCode.ACCESS,
            "Check TREADLE_TOKEN; the owner's token is in the file `token` of the home folder.",
        ),
        sdk.NotFoundError: (
            ExitCode.NOT_FOUND,
            "See what there is with `treadle function list`, `treadle job list` or `treadle file list`.",
        ),
        sdk.LimitError: (ExitCode.LIMIT, "Wait until some jobs have ended, or cancel them."),
        sdk.InvalidRequestError: (ExitCode.USAGE, ""),
        sdk.InvalidFunctionError: (ExitCode.USAGE, ""),
        sdk.InvalidArgumentError: (ExitCode.USAGE, ""),
        sdk.SerializationError: (ExitCode.USAGE, ""),
    }
    exit_code, hint = known.get(type(error), (ExitCode.FAILED, ""))
    if isinstance(error, sdk.JobFailedError):
        return Explanation(error.cause.get("message") or str(error), error.cause.get("hint", ""), exit_code)
    if isinstance(error, sdk.AccessError) and error.status_code == _FORBIDDEN:
        hint = "The token is fine; what it stands for may not do this."
    message = error.details if isinstance(error, sdk.GatewayError) else str(error)
    return Explanation(message, hint, exit_code)
