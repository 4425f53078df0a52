"""The node agent: a Ray actor that holds the local engine of its node.

Agents belong to the driver that made them, and end with it. What they started goes on, and the agents of the next driver
find it: supervisors are no children of Ray's, and what they need lies in a folder of the node.
"""

import asyncio
from importlib.metadata import version
from typing import Any

from treadle.adapters.engines.local import LocalEngine
from treadle.adapters.engines.ray.messages import ERRORS, error_document
from treadle.adapters.engines.ray.terms import RayTerms
from treadle.domain.launch import Launch
from treadle.runner.node import node_home

# Ray kills the children of a worker that leaves; ours are zygotes, which stay as long as they have supervisors.
VARIABLES = {"RAY_kill_child_processes_on_worker_exit": "false"}


class NodeAgent:
    """The local engine of a node, for one driver."""

    def __init__(self, terms: RayTerms) -> None:
        """Make an agent; `open` makes it ready.

        Args:
            terms: Those of the engine.
        """
        self._terms = terms
        self._exits: list[tuple[str, int]] = []
        self._exited = asyncio.Event()

    async def open(self) -> str:
        """Make the agent ready and return the version of Treadle on this node.

        Raises:
            EngineUnavailableError: Programs cannot be run here.
            OSError: The node's folder cannot be made.
        """
        home = node_home(self._terms.platform)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._engine = LocalEngine(home, warm_environments=self._terms.warm_environments)
        await self._engine.open(self._note_exit)
        return version("treadle")

    async def call(self, name: str, arguments: list[Any]) -> dict[str, Any]:
        """Do one of `CALLS`. Returns the answer as a dispatcher's driver gives it."""
        try:
            return {"value": await CALLS[name](self._engine, *arguments)}
        except tuple(ERRORS.values()) as error:
            return {"error": error_document(error)}

    async def exits(self, known: int) -> list[tuple[str, int]]:
        """Wait for supervisors to end. Returns the attempts whose supervisors have ended, without the first `known` ones."""
        while len(self._exits) <= known:
            self._exited.clear()
            await self._exited.wait()
        return self._exits[known:]

    async def close(self) -> None:
        """Let the zygotes go; what runs goes on."""
        await self._engine.close()

    def _note_exit(self, job_id: str, attempt: int) -> None:
        self._exits.append((job_id, attempt))
        self._exited.set()


async def _start(engine: LocalEngine, launch: str) -> None:
    await engine.start(Launch.from_json(launch))


async def _adopt(engine: LocalEngine, job_id: str, attempt: int) -> str:
    return (await engine.adopt(job_id, attempt)).value


async def _sweep(engine: LocalEngine, live: list[tuple[str, int]]) -> None:
    await engine.sweep({(job_id, attempt) for job_id, attempt in live})


CALLS: dict[str, Any] = {
    "start": _start,
    "adopt": _adopt,
    "stop": LocalEngine.stop,
    "sweep": _sweep,
    "prepare": LocalEngine.prepare,
    "release": LocalEngine.release,
}
