"""The process that is connected to Ray for a dispatcher: ``python -m treadle.adapters.engines.ray.driver SOCKET``.

SOCKET is the descriptor of a socket over which `messages` go. The first line holds the head's address and the
terms. The process leaves when the dispatcher hangs up or the cluster is gone, and its agents with it.
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import ray

from treadle.adapters.engines.ray.cluster import Cluster, ClusterLostError
from treadle.adapters.engines.ray.messages import LONGEST_LINE, error_document, line
from treadle.adapters.engines.ray.node import Listener
from treadle.adapters.engines.ray.terms import RayTerms
from treadle.domain.errors import EngineUnavailableError, TreadleError

_REACHABLE_SECONDS = 5.0


class Driver:
    """Serves one dispatcher."""

    def __init__(self, cluster: Cluster, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._answering: set[asyncio.Task[None]] = set()
        self._cluster = cluster
        self._calls: dict[str, Callable[..., Awaitable[Any]]] = {
            "start": cluster.start,
            "adopt": cluster.adopt,
            "stop": cluster.stop,
            "build": cluster.build,
        }

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Answer until the dispatcher hangs up."""
        while text := await reader.readline():
            answering = asyncio.create_task(self._answer(json.loads(text)))
            self._answering.add(answering)
            answering.add_done_callback(self._answering.discard)

    async def _answer(self, request: dict[str, Any]) -> None:
        try:
            answer = {"value": await self._do(request["call"], request["arguments"])}
        except TreadleError as error:
            answer = {"error": error_document(error)}
        self._writer.write(line({"id": request["id"], **answer}))

    async def _do(self, name: str, arguments: list[Any]) -> object:
        if name in self._calls:
            return await self._calls[name](*arguments)
        await self._cluster.on_all(name, *arguments)
        return None


def connect(address: str, platform: str) -> None:
    """Connect this process to the cluster at an address, for a platform.

    Raises:
        EngineUnavailableError: There is no cluster at the address, or none that this Ray can talk to.
    """
    host, _, port = address.rpartition(":")
    try:  # Ray itself tries for two minutes
        socket.create_connection((host.strip("[]"), int(port)), _REACHABLE_SECONDS).close()
    except (OSError, ValueError) as error:
        raise EngineUnavailableError(
            f"There is no Ray cluster at {address}: {error}.",
            hint="TREADLE_RAY_ADDRESS is host:port of the head, as `ray start --head` prints it; the port is 6379 mostly.",
        ) from error
    try:
        ray.init(address, namespace=f"treadle-{platform}", log_to_driver=False, logging_level="error")
    except (RuntimeError, ConnectionError, ValueError) as error:
        raise EngineUnavailableError(
            f"The Ray cluster at {address} cannot be used: {error}",
            hint="Dispatcher and nodes need the same versions of Ray and Python and the same RAY_AUTH_TOKEN, and the"
            " dispatcher's machine must be a node of the cluster (docs/ray.md).",
        ) from error


async def run(descriptor: int) -> None:
    """Be the driver."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor), limit=LONGEST_LINE)
    first = json.loads(await reader.readline())
    terms = RayTerms.from_dict(first["terms"])
    try:
        connect(first["address"], terms.platform)
    except EngineUnavailableError as error:
        await _leave(writer, error)
    cluster = Cluster(terms, Listener(lambda *attempt: writer.write(line({"exited": attempt})), lambda: None))
    writer.write(line({"connected": True}))
    watching = asyncio.create_task(cluster.watch())
    serving = asyncio.create_task(Driver(cluster, writer).serve(reader))
    await asyncio.wait([watching, serving], return_when=asyncio.FIRST_COMPLETED)
    if watching.done():
        await _leave(writer, _lost(watching.exception()))
    watching.cancel()
    await cluster.close()


def _lost(error: BaseException | None) -> EngineUnavailableError:
    if not isinstance(error, ClusterLostError):
        raise error or AssertionError("watching has no end")
    return EngineUnavailableError(str(error), hint="Start it again; the dispatcher finds it by itself.")


async def _leave(writer: asyncio.StreamWriter, error: EngineUnavailableError) -> None:
    writer.write(line({"failed": error_document(error)}))
    await writer.drain()
    os._exit(1)  # Ray's own threads may wait for a head that is gone


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1])))
