"""The remote side: a client of one gateway."""

from typing import Any
from urllib.parse import quote

from qiskit_serverless.aio.function_calls import AsyncFunctionCalls
from qiskit_serverless.aio.functions import AsyncRunnableQiskitFunction
from qiskit_serverless.artifacts import artifact_of
from qiskit_serverless.connections import given
from qiskit_serverless.definitions import QiskitFunction, split_title


class AsyncServerlessClient(AsyncFunctionCalls):
    """A client of a gateway.

    ``AsyncServerlessClient()`` finds the platform that runs on this machine; see `qiskit_serverless.platform.find_platform`.
    """

    async def upload(self, program: QiskitFunction) -> AsyncRunnableQiskitFunction:
        """Upload a function; under a title you have, as its new version.

        Raises:
            InvalidFunctionError: The program does not exist or has a syntax error, or its folder cannot be packed.
            InvalidRequestError: The gateway does not accept it.
        """
        path = self._path("programs/upload")
        answer = await self._transport.request("POST", path, data=program.as_form(), files=artifact_of(program))
        return self._runnable(answer.json())

    async def functions(self, **filters: str | int | None) -> list[AsyncRunnableQiskitFunction]:
        """Return the functions you can run.

        Args:
            **filters: ``filter="serverless"`` for your own, ``filter="catalog"`` for those of providers.
        """
        answer = await self._transport.request("GET", self._path("programs"), params=filters)
        return [self._runnable(function) for function in answer.json()]

    async def function(self, title: str, provider: str | None = None) -> AsyncRunnableQiskitFunction:
        """Return one function.

        Args:
            title: Its title, or ``provider/title``.
            provider: Its provider, None for your own.

        Raises:
            NotFoundError: There is no such function.
        """
        provider, title = split_title(title, provider)
        path = self._path(f"programs/get_by_title/{quote(title, safe='')}")
        answer = await self._transport.request("GET", path, params=given(provider=provider))
        return self._runnable(answer.json())

    def _runnable(self, record: dict[str, Any]) -> AsyncRunnableQiskitFunction:
        return AsyncRunnableQiskitFunction.from_json({**record, "client": self})
