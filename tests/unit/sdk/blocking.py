"""The asynchronous side of the SDK, used like the blocking one: stories of the one are then stories of both."""

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal

from qiskit_serverless import AsyncServerlessClient


class Blocking:
    """An object of the asynchronous side whose methods block."""

    def __init__(self, target: Any, portal: BlockingPortal) -> None:
        self._target = target
        self._portal = portal

    def __repr__(self) -> str:
        return repr(self._target)

    def __getattr__(self, name: str) -> Any:
        return self._blocking(getattr(self._target, name))

    def _blocking(self, value: Any) -> Any:
        if inspect.ismethod(value):
            return lambda *args, **options: self._call(value, *args, **options)
        if isinstance(value, AsyncIterator):
            return self._iterated(value)
        if isinstance(value, list):
            return [self._blocking(each) for each in value]
        return Blocking(value, self._portal) if type(value).__module__.startswith("qiskit_serverless.aio") else value

    def _call(self, method: Any, *args: Any, **options: Any) -> Any:
        given = [each._target if isinstance(each, Blocking) else each for each in args]

        async def awaited() -> Any:
            answer = method(*given, **options)
            return await answer if inspect.isawaitable(answer) else answer

        return self._blocking(self._portal.call(awaited))

    def _iterated(self, values: AsyncIterator[Any]) -> Iterator[Any]:
        while True:
            try:
                yield self._blocking(self._portal.call(values.__anext__))
            except StopAsyncIteration:
                return


@contextmanager
def blocking_client(host: str, token: str, **options: str) -> Iterator[Any]:
    """Connect an asynchronous client whose calls block."""
    with start_blocking_portal() as portal:

        async def connect() -> AsyncServerlessClient:
            return await AsyncServerlessClient(host, token=token, **options).__aenter__()

        client = portal.call(connect)
        yield Blocking(client, portal)
        portal.call(client.aclose)
