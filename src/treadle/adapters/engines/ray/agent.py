"""The node agent: a Ray actor that holds the local engine of its node.

Agents belong to the driver that made them, and end with it. What they started goes on, and the agents of the next driver
find it: supervisors are no children of Ray's, and what they need lies in a folder of the node.
"""

import asyncio
import os
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from treadle.adapters.engines.local import LocalEngine
from treadle.adapters.engines.ray.messages import ERRORS, error_document
from treadle.adapters.engines.ray.terms import RayTerms
from treadle.adapters.environments.node import NodeEnvironments
from treadle.domain.environments import Lock
from treadle.domain.launch import Launch
from treadle.runner.node import node_home
from treadle.runner.ray import NODE_VARIABLE

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
        self.engine = LocalEngine(home, warm_environments=self._terms.warm_environments, variables=cluster_variables())
        self.environments = NodeEnvironments(self._terms.platform, self._terms.environments)
        await asyncio.to_thread(self.environments.open)
        await self.engine.open(self._note_exit)
        return version("treadle")

    async def call(self, name: str, arguments: list[Any]) -> dict[str, Any]:
        """Do one of `CALLS`. Returns the answer as a dispatcher's driver gives it."""
        try:
            return {"value": await CALLS[name](self, *arguments)}
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
        await self.environments.close()
        await self.engine.close()

    def _note_exit(self, job_id: str, attempt: int) -> None:
        self._exits.append((job_id, attempt))
        self._exited.set()


async def _start(agent: NodeAgent, text: str) -> None:
    launch = Launch.from_json(text)
    await agent.environments.ensure(launch)
    variables = {**launch.variables, **agent.environments.variables(launch)}
    await agent.engine.start(replace(launch, variables=variables))


async def _build(agent: NodeAgent, lock: dict[str, str]) -> str:
    return await agent.environments.build(Lock(**lock))


async def _prepare(agent: NodeAgent, environment: str) -> None:
    if agent.environments.has_built(environment):
        await agent.engine.prepare(environment)


async def _release(agent: NodeAgent, environment: str) -> None:
    await agent.engine.release(environment)


async def _adopt(agent: NodeAgent, job_id: str, attempt: int) -> str:
    return (await agent.engine.adopt(job_id, attempt)).value


async def _stop(agent: NodeAgent, job_id: str, attempt: int) -> None:
    await agent.engine.stop(job_id, attempt)


async def _sweep(agent: NodeAgent, live: list[tuple[str, int]]) -> None:
    await agent.engine.sweep({(job_id, attempt) for job_id, attempt in live})


CALLS: dict[str, Any] = {
    "start": _start,
    "build": _build,
    "prepare": _prepare,
    "release": _release,
    "adopt": _adopt,
    "stop": _stop,
    "sweep": _sweep,
}


def cluster_variables() -> dict[str, str]:
    """Return the environment variables by which programs find the cluster, and their node of it."""
    import ray

    passed_on = {name: value for name, value in os.environ.items() if name.startswith("RAY_AUTH_")}
    return {
        **passed_on,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ADDRESS": ray.get_runtime_context().gcs_address,
        NODE_VARIABLE: ray.util.get_node_ip_address(),
    }
