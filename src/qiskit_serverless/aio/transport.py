"""HTTP to a gateway: one pool of connections, patience with what is safe to repeat, errors as exceptions."""

import os

# sync only: import weakref
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import anyio

from qiskit_serverless.connections import (
    REPEATABLE,
    UNAVAILABLE,
    Patience,
    Query,
    is_on_loopback,
    is_secure,
    may_repeat,
    no_answer,
    raise_for,
    raise_unless_stream,
    timeout,
    transport_errors,
    user_agent,
)
from qiskit_serverless.sending import Pieces
from qiskit_serverless.serialization.tags import Json

if TYPE_CHECKING:
    import httpx2

    from qiskit_serverless.data_files import SentFile


@dataclass(slots=True, weakref_slot=True)
class AsyncTransport:
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
    underlying: "httpx2.AsyncBaseTransport | None" = None
    _connections: "dict[int, httpx2.AsyncClient]" = field(init=False, repr=False, compare=False, default_factory=dict)

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        """Copy it, or send it to another process, without its connections."""
        return type(self), (self.url, self.headers, self.patience, self.underlying)

    @property
    def _http(self) -> "httpx2.AsyncClient":
        """The connections of this process. A forked process makes its own: those it inherited, its parent goes on to use."""
        return self._connections.get(os.getpid()) or self._open(os.getpid())

    def _open(self, process: int) -> "httpx2.AsyncClient":
        import httpx2

        secure = is_secure(self.url)
        http = httpx2.AsyncClient(
            base_url=self.url,
            headers={"User-Agent": user_agent(), **self.headers},
            timeout=timeout(),
            follow_redirects=secure,
            verify=secure,  # without need of them, certificates are not read: that takes 0.1 s
            trust_env=not is_on_loopback(self.url),
            transport=self.underlying,
        )
        # sync only: weakref.finalize(self, http.close)
        return self._connections.setdefault(process, http)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        patient: bool = True,
        params: Query | None = None,
        json: Json = None,
        data: Mapping[str, str] | None = None,
        files: "Mapping[str, tuple[str, bytes | SentFile]] | None" = None,
        content: Pieces | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
        quiet_seconds: float | None = None,
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
            files: the files of a form: name and content by field, or
            content: the body itself.
            headers: Further headers.
            repeatable: Whether it may be repeated as GET is, because it does the same when it is carried out twice.
            quiet_seconds: How long the answer may take, if not as long as others.

        Raises:
            GatewayConnectionError: There was no answer.
            GatewayError: The answer is an error; its class says which kind.
        """
        pauses = self.patience.pauses() if patient else iter(())
        repeatable = repeatable or method in REPEATABLE
        body: dict[str, Any] = {"json": json, "data": data, "files": files}
        headers = {**(headers or {}), **(content.headers if content else {})}
        while True:
            if content:
                body["content"] = content.ablocks()  # async only
                # sync only: body["content"] = content.blocks()
            try:
                answer = await self._http.request(
                    method, path, params=params, headers=headers, timeout=timeout(quiet_seconds), **body
                )
            except transport_errors() as error:
                if not may_repeat(repeatable, error) or not await paused(pauses):
                    raise no_answer(self.url, error) from error
                continue
            if repeatable and answer.status_code in UNAVAILABLE and await paused(pauses):
                continue
            raise_for(answer)
            return answer

    @asynccontextmanager
    async def events(
        self, path: str, params: Query, last_event_id: str, quiet_seconds: float
    ) -> AsyncIterator[AsyncIterator["httpx2.ServerSentEvent"]]:
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
        async with self.content(path, params, headers, quiet_seconds) as answer:
            raise_unless_stream(answer)
            yield aiter(httpx2.EventSource(answer, max_event_size=None))

    @asynccontextmanager
    async def content(
        self, path: str, params: Query, headers: Mapping[str, str], quiet_seconds: float
    ) -> AsyncIterator["httpx2.Response"]:
        """Open an answer whose content is read piece by piece. It is not repeated: the caller knows where to resume.

        Args:
            path: Path on the gateway.
            params: Query of the request.
            headers: Its headers, besides the usual ones.
            quiet_seconds: A connection on which nothing comes for so long counts as broken.

        Raises:
            GatewayConnectionError: There was no answer, or the connection broke.
            GatewayError: The answer is an error.
        """
        limits = timeout(quiet_seconds)
        try:
            async with self._http.stream("GET", path, params=params, headers=headers, timeout=limits) as answer:
                if not answer.is_success:
                    await answer.aread()
                raise_for(answer)
                yield answer
        except transport_errors() as error:
            raise no_answer(self.url, error) from error


async def paused(pauses: Iterator[float]) -> bool:
    """Wait for the next pause; False if patience is over."""
    pause = next(pauses, None)
    if pause is None:
        return False
    await anyio.sleep(pause)
    return True
