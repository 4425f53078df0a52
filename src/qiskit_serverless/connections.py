"""What every way to a gateway has in common: patience, time limits, and errors as exceptions."""

import itertools
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from qiskit_serverless.exceptions import GatewayConnectionError, GatewayError, InvalidArgumentError
from qiskit_serverless.serialization.tags import Value

if TYPE_CHECKING:
    import httpx2

Query: TypeAlias = Mapping[str, str | int | None]


class Channel(StrEnum):
    """How a gateway shall check a token."""

    IBM_QUANTUM_PLATFORM = "ibm_quantum_platform"
    IBM_CLOUD = "ibm_cloud"
    LOCAL = "local"


REPEATABLE = frozenset({"GET", "HEAD", "DELETE"})
"""Methods whose requests may be sent again though the first one may have been carried out."""

UNAVAILABLE = frozenset({502, 503, 504})
"""Answers of a gateway that is not there at the moment."""

_TIMEOUT_VARIABLE = "REQUESTS_TIMEOUT_OVERRIDE"
_TIMEOUT_SECONDS = 30.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_NOT_FOUND = 404
_SNIPPET = 500


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on when a gateway does not answer.

    Attributes:
        first_pause: Seconds before the first repetition; each later pause is twice as long as the one before.
        longest_pause: Seconds that a pause lasts at most.
        in_all: Seconds of pauses in all, after which to give up.
    """

    first_pause: float = 0.05
    longest_pause: float = 2.0
    in_all: float = 5.0

    def pauses(self) -> Iterator[float]:
        """Yield the seconds to wait before each repetition."""
        spent = 0.0
        for exponent in itertools.count():
            pause = min(self.first_pause * 2**exponent, self.longest_pause)
            spent += pause
            if spent > self.in_all:
                return
            yield pause


def given(**values: Value) -> dict[str, Any]:
    """Return the values that were given: those that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def user_agent() -> str:
    """Return what we call ourselves in requests."""
    from importlib.metadata import version

    return f"treadle/{version('treadle')} python/{platform.python_version()}"


def timeout_seconds() -> float:
    """Return how long an answer may take: ``REQUESTS_TIMEOUT_OVERRIDE``, by default 30 seconds.

    Raises:
        InvalidArgumentError: The variable is not a number.
    """
    text = os.environ.get(_TIMEOUT_VARIABLE)
    if not text:
        return _TIMEOUT_SECONDS
    try:
        return float(text)
    except ValueError:
        raise InvalidArgumentError(f"{_TIMEOUT_VARIABLE} is a number of seconds, not {text!r}.") from None


def timeout(quiet_seconds: float | None = None) -> "httpx2.Timeout":
    """Return the time limits of a request.

    Args:
        quiet_seconds: How long nothing may come, if not as long as for others.
    """
    import httpx2

    seconds = timeout_seconds()
    return httpx2.Timeout(seconds, read=seconds if quiet_seconds is None else quiet_seconds)


def is_secure(url: str) -> bool:
    """Return whether a gateway is spoken to through TLS."""
    return urlsplit(url).scheme == "https"


def is_on_loopback(url: str) -> bool:
    """Return whether a gateway is on this machine, where no proxy can reach it for us."""
    return urlsplit(url).hostname in _LOOPBACK


def transport_errors() -> type[Exception]:
    """Return the class of the errors that mean: there was no answer."""
    import httpx2

    return httpx2.TransportError


def may_repeat(repeatable: bool, error: Exception) -> bool:
    """Return whether a request without an answer may be sent again: it is safe to repeat, or was not sent at all."""
    import httpx2

    return repeatable or isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)


def no_answer(url: str, error: Exception) -> GatewayConnectionError:
    """Return what to raise when a gateway does not answer."""
    reason = str(error) or type(error).__name__
    return GatewayConnectionError(
        f"The gateway at {url} does not answer: {reason}. Does it run? Start it with `treadle up`."
    )


def raise_for(answer: "httpx2.Response") -> None:
    """Raise the error that an answer is, if it is one.

    Raises:
        GatewayError: The answer is an error; its class says which kind.
    """
    if not answer.is_success:
        raise GatewayError.from_answer(answer.status_code, _details(answer))


def raise_unless_stream(answer: "httpx2.Response") -> None:
    """See that a good answer is a stream of events.

    Raises:
        NotFoundError: It is something else.
    """
    if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
        raise GatewayError.from_answer(_NOT_FOUND, f"{answer.url.path} is not a stream of events.")


def _details(answer: "httpx2.Response") -> str:
    """Return what an answer says: the values of its JSON object, else the beginning of its text."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        return "".join(str(value) for value in body.values())
    text = " ".join(answer.text.split())
    return text if len(text) <= _SNIPPET else f"{text[:_SNIPPET]}..."
