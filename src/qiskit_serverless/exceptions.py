r"""Errors of the SDK.

::

    QiskitServerlessException          all of them
     ├── PlatformNotFoundError         no host, or no token for it, could be found
     ├── GatewayConnectionError        no answer from the gateway                      (also a ConnectionError)
     ├── GatewayError                  the gateway answered with an error
     │    ├── InvalidRequestError      400: what was sent does not make sense
     │    ├── AccessError              401, 403: wrong token, or not allowed
     │    ├── NotFoundError            404: it does not exist, or belongs to somebody else
     │    ├── DisabledFunctionError    423: its provider has switched the function off
     │    ├── LimitError               429: a limit is reached
     │    └── GatewayUnavailableError  502, 503, 504: it is away for the moment
     ├── JobFailedError                the job ended in ERROR; `cause` says why
     ├── JobCanceledError              the job was cancelled, so it has no result
     ├── WaitTimeoutError              the job has not ended in time                   (also a TimeoutError)
     ├── ChecksumError                 a file that did not arrive as it was sent
     ├── ServerlessError               for functions to raise: an error with a code of their own
     ├── InvalidFunctionError          a function that cannot be uploaded as it stands (also a ValueError)
     ├── InvalidArgumentError          a value that a call does not accept             (also a ValueError)
     ├── RuntimeServiceError           IBM Quantum refused, or does not answer
     ├── NotInJobError                 only a job can do this                          (also a RuntimeError)
     └── SerializationError            a value that JSON cannot carry; `path` says where (also a TypeError)
"""

from typing import Any


class QiskitServerlessException(Exception):  # noqa: N818  (the name today's clients use)
    """Base of all errors the SDK raises on purpose."""


class PlatformNotFoundError(QiskitServerlessException):
    """No platform to talk to, or no token for it, could be found."""


class GatewayConnectionError(QiskitServerlessException, ConnectionError):
    """The gateway did not answer."""


class GatewayError(QiskitServerlessException):
    """The gateway answered with an error.

    Attributes:
        status_code: HTTP status of the answer.
        details: What the answer said.
    """

    def __init__(self, message: str, status_code: int = 0, details: str = "") -> None:
        super().__init__(message, status_code, details)
        self.status_code = status_code
        self.details = details

    def __str__(self) -> str:
        return str(self.args[0])

    @classmethod
    def from_answer(cls, status_code: int, details: str) -> "GatewayError":
        """Return the error of the class that fits an answer.

        The text has the three lines that users of the PyPI client know.
        """
        kind = _BY_STATUS.get(status_code, cls)
        return kind(
            f"\n| Message: Http bad request.\n| Code: {status_code}\n| Details: {details}", status_code, details
        )


class InvalidRequestError(GatewayError):
    """What was sent does not make sense to the gateway."""


class AccessError(GatewayError):
    """The token is not valid, or does not allow this."""


class NotFoundError(GatewayError):
    """It does not exist, or belongs to somebody else."""


class DisabledFunctionError(GatewayError):
    """The function is switched off for the time being; the message says why."""


class LimitError(GatewayError):
    """A limit is reached."""


class GatewayUnavailableError(GatewayError):
    """The gateway, or what it keeps things in, is away for the moment. What is safe to repeat was repeated for a while."""


_BY_STATUS: dict[int, type[GatewayError]] = {
    400: InvalidRequestError,
    401: AccessError,
    403: AccessError,
    404: NotFoundError,
    423: DisabledFunctionError,
    429: LimitError,
    502: GatewayUnavailableError,
    503: GatewayUnavailableError,
    504: GatewayUnavailableError,
}


class JobFailedError(QiskitServerlessException):
    """The job ended in ERROR.

    Attributes:
        job_id: The job.
        cause: Why: ``code``, ``message`` and, where the platform tells them, ``hint``, ``exception`` and ``details``
            (file, line, traceback, exit code ...).
    """

    def __init__(self, message: str, job_id: str = "", cause: dict[str, Any] | None = None) -> None:
        super().__init__(message, job_id, cause)
        self.job_id = job_id
        self.cause = cause or {}

    def __str__(self) -> str:
        return str(self.args[0])


class JobCanceledError(QiskitServerlessException):
    """The job was cancelled, so it has no result."""


class WaitTimeoutError(QiskitServerlessException, TimeoutError):
    """The job has not ended in the time its result was waited for. The job goes on."""


class ChecksumError(QiskitServerlessException):
    """A file did not arrive as it was sent."""


class ServerlessError(QiskitServerlessException):
    """An error for functions to raise, with a code that callers can tell apart. Derive from it as you like.

    Attributes:
        code: A code of your own.
        message: Text for people.
        details: What else there is to say.
    """

    def __init__(self, code: str, message: str, details: Any = None) -> None:  # noqa: ANN401  (anything that can be printed)
        super().__init__(code, message, details)
        self.code = code
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return f"[{self.code}] {self.message}" + (f"\n{self.details}" if self.details else "")


class InvalidFunctionError(QiskitServerlessException, ValueError):
    """A function cannot be uploaded as it stands."""


class InvalidArgumentError(QiskitServerlessException, ValueError):
    """A value that a call does not accept."""


class RuntimeServiceError(QiskitServerlessException):
    """IBM Quantum, which is not the gateway, refused or did not answer."""


class NotInJobError(QiskitServerlessException, RuntimeError):
    """Only a program that runs as a job can do this."""


class SerializationError(QiskitServerlessException, TypeError):
    """A value, or something inside it, cannot be carried as JSON.

    Attributes:
        path: Where it stands, written as Python would reach it, e.g. ``result["a"][3]``.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message, path)
        self.path = path

    def __str__(self) -> str:
        return str(self.args[0])
