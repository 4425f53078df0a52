"""HTTP to a gateway: one pool of connections, patience with what is safe to repeat, errors as exceptions."""

import itertools
import os
import platform
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from qiskit_serverless.exceptions import GatewayConnectionError, GatewayError, InvalidArgumentError
from qiskit_serverless.serialization.tags import Json

if TYPE_CHECKING:
    import httpx2

Query: TypeAlias = Mapping[str, str | int | None]

_TIMEOUT_VARIABLE = "REQUESTS_TIMEOUT_OVERRIDE"
_TIMEOUT_SECONDS = 30.0
_UNAVAILABLE = frozenset({502, 503, 504})
_REPEATABLE = frozenset({"GET", "HEAD", "DELETE"})
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


@dataclass(slots=True, weakref_slot=True)
class Transport:
    """The way to one gateway.

    Attributes:
        url: Base URL of the gateway.
        headers: Sent with each request.
        patience: How long to go on when it does not answer.
        underlying: For tests: what sends the requests instead of a pool of connections.
    """

    url: str
    headers: dict[str, str]
    patience: Patience = field(default_factory=Patience)
    underlying: "httpx2.BaseTransport | None" = None
    _http: "httpx2.Client" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        import httpx2

        secure = urlsplit(self.url).scheme == "https"
        self._http = httpx2.Client(
            base_url=self.url,
            headers={"User-Agent": _user_agent(), **self.headers},
            timeout=_timeout_seconds(),
            follow_redirects=secure,
            verify=secure,  # without need of them, certificates are not read: that takes 0.1 s
            trust_env=urlsplit(self.url).hostname not in _LOOPBACK,  # a proxy cannot reach our loopback
            transport=self.underlying,
        )
        weakref.finalize(self, self._http.close)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        patient: bool = True,
        params: Query | None = None,
        json: Json = None,
        data: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> "httpx2.Response":
        """Send a request and return the answer, which is a good one.

        GET, HEAD and DELETE are repeated when the connection breaks or the gateway is unavailable. Others are repeated only
        when no connection was made, so that nothing was sent.

        Args:
            method: HTTP method.
            path: Path on the gateway.
            patient: Whether to repeat at all.
            params: The query.
            json: The body as JSON, or
            data: the body as form fields, and
            files: the files of a form: name and content by field.

        Raises:
            GatewayConnectionError: There was no answer.
            GatewayError: The answer is an error; its class says which kind.
        """
        pauses = self.patience.pauses() if patient else iter(())
        while True:
            try:
                answer = self._http.request(method, path, params=params, json=json, data=data, files=files)
            except _transport_errors() as error:
                if not _may_repeat(method, error) or not _paused(pauses):
                    raise self._no_answer(error) from error
                continue
            if method in _REPEATABLE and answer.status_code in _UNAVAILABLE and _paused(pauses):
                continue
            _raise_for(answer)
            return answer

    @contextmanager
    def events(
        self, path: str, params: Query, last_event_id: str, quiet_seconds: float
    ) -> Iterator[Iterator["httpx2.ServerSentEvent"]]:
        """Open a stream of server-sent events. It is not repeated: the caller knows where to resume.

        Args:
            path: Path on the gateway.
            params: Query of the request.
            last_event_id: Id of the event to go on after; empty to begin at the beginning.
            quiet_seconds: A connection on which nothing comes for so long counts as broken.

        Raises:
            GatewayConnectionError: There was no answer, or the connection broke.
            GatewayError: The answer is an error; a `NotFoundError` also if it is no stream.
        """
        import httpx2

        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if last_event_id:
            headers["Last-Event-ID"] = last_event_id
        timeout = httpx2.Timeout(_timeout_seconds(), read=quiet_seconds)
        try:
            with self._http.stream("GET", path, params=params, headers=headers, timeout=timeout) as answer:
                if not answer.is_success:
                    answer.read()
                _raise_for(answer)
                if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
                    raise GatewayError.from_answer(_NOT_FOUND, f"{path} is not a stream of events.")
                yield iter(httpx2.EventSource(answer, max_event_size=None))
        except _transport_errors() as error:
            raise self._no_answer(error) from error

    def _no_answer(self, error: Exception) -> GatewayConnectionError:
        reason = str(error) or type(error).__name__
        return GatewayConnectionError(
            f"The gateway at {self.url} does not answer: {reason}. Does it run? Start it with `treadle up`."
        )


def _user_agent() -> str:
    from importlib.metadata import version

    return f"treadle/{version('treadle')} python/{platform.python_version()}"


def _timeout_seconds() -> float:
    text = os.environ.get(_TIMEOUT_VARIABLE)
    if not text:
        return _TIMEOUT_SECONDS
    try:
        return float(text)
    except ValueError:
        raise InvalidArgumentError(f"{_TIMEOUT_VARIABLE} is a number of seconds, not {text!r}.") from None


def _transport_errors() -> type[Exception]:
    import httpx2

    return httpx2.TransportError


def _may_repeat(method: str, error: Exception) -> bool:
    import httpx2

    return method in _REPEATABLE or isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)


def _paused(pauses: Iterator[float]) -> bool:
    """Wait for the next pause; False if patience is over."""
    pause = next(pauses, None)
    if pause is None:
        return False
    time.sleep(pause)
    return True


def _raise_for(answer: "httpx2.Response") -> None:
    if not answer.is_success:
        raise GatewayError.from_answer(answer.status_code, _details(answer))


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
