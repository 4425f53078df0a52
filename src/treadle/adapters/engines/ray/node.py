"""A node of the cluster, as the driver sees it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.exceptions import ActorUnavailableError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from treadle.adapters.engines.ray.agent import VARIABLES, NodeAgent
from treadle.adapters.engines.ray.terms import RayTerms
from treadle.domain.errors import EngineUnavailableError
from treadle.ports.engine import Presence

logger = logging.getLogger(__name__)

Attempt = tuple[str, int]
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What Ray says of a node.

    Attributes:
        id: Ray's name of it, in hexadecimal.
        address: Its IP address.
        resources: What it offers, by the names of Ray: ``CPU``, ``GPU``, ``memory`` and those of the operator.
    """

    id: str
    address: str
    resources: dict[str, float] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom a node's news are for.

    Attributes:
        exited: Called with job id and attempt when a supervisor has ended.
        changed: Called when the node behaves as if it were gone.
    """

    exited: Callable[[str, int], None]
    changed: Callable[[], None]


class Node:
    """Keeps an agent on a node.

    Attributes:
        facts: What Ray says of the node.
        attempts: What runs there, as far as this driver knows, with the CPUs of each budget.
        asked: Set once it is known whether programs can be run here.
        trouble: Why they cannot be, None if they can or if it is not known yet.
    """

    def __init__(self, facts: NodeFacts, terms: RayTerms, listener: Listener) -> None:
        self.facts = facts
        self.attempts: dict[Attempt, float] = {}
        self.asked = asyncio.Event()
        self.trouble: str | None = None
        self._terms = terms
        self._listener = listener
        self._agent: ActorHandle = None
        self._attending = asyncio.create_task(self._attend())

    @property
    def usable(self) -> bool:
        """Whether programs can be started here now."""
        return self._agent is not None and self.trouble is None

    @property
    def has_agent(self) -> bool:
        """Whether the node can be asked for what runs here."""
        return self._agent is not None

    async def call(self, name: str, *arguments: object) -> dict[str, Any]:
        """Have the agent do something. Returns its answer.

        Raises:
            EngineUnavailableError: It does not answer.
        """
        if self._agent is None:
            raise EngineUnavailableError(f"The Ray node {self.facts.address} does not answer: {self.trouble}")
        try:
            answer: dict[str, Any] = await self._agent.call.remote(name, list(arguments))
        except RayError as error:
            self._listener.changed()
            raise EngineUnavailableError(
                f"The Ray node {self.facts.address} does not answer: {_reason(error)}"
            ) from error
        return answer

    def lose(self) -> None:
        """Take note that the node is dead, and all that ran on it."""
        self._attending.cancel()
        self._agent = None
        for attempt in list(self.attempts):
            self._exited(attempt)

    async def close(self) -> None:
        """Let the agent go; what runs goes on."""
        self._attending.cancel()
        if self._agent is not None:
            await self._agent.close.remote()

    async def _attend(self) -> None:
        """Keep an agent on the node, and listen to it."""
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._follow(self._new_agent())
            except (RayError, EngineUnavailableError) as error:
                self._agent, self.trouble = None, _reason(error)
                logger.warning("the Ray node %s runs no programs: %s", self.facts.address, self.trouble)
            self.asked.set()
            self._listener.changed()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _new_agent(self) -> ActorHandle:
        options = {
            "num_cpus": 0,
            "max_concurrency": 1000,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(self.facts.id, soft=False),
            "runtime_env": {"env_vars": VARIABLES},
        }
        return ray.remote(NodeAgent).options(**options).remote(self._terms)

    async def _follow(self, agent: ActorHandle) -> None:
        """Take up an agent and hear of the ends of supervisors until it dies."""
        there, here = await agent.open.remote(), version("treadle")
        self._agent = agent
        self.trouble = None if there == here else f"it has Treadle {there}, and the dispatcher {here}"
        if self.trouble is not None:
            logger.warning("the Ray node %s gets no new programs: %s", self.facts.address, self.trouble)
        await self._find_attempts_again()
        self.asked.set()
        known = 0
        while True:
            try:
                ended = await agent.exits.remote(known)
            except ActorUnavailableError:  # the network, or the node is dying
                self._listener.changed()
                await asyncio.sleep(_FIRST_PAUSE)
                continue
            known += len(ended)
            for attempt in ended:
                self._exited(tuple(attempt))

    async def _find_attempts_again(self) -> None:
        """Let a new agent watch what the one before it has watched."""
        for attempt in list(self.attempts):
            answer = await self.call("adopt", *attempt)
            if answer["value"] != Presence.RUNNING:
                self._exited(attempt)

    def _exited(self, attempt: Attempt) -> None:
        self.attempts.pop(attempt, None)
        self._listener.exited(*attempt)


def _reason(error: Exception) -> str:
    """Return the last line of an error's text, which is where Ray says what has happened."""
    lines = [text for text in str(error).splitlines() if text.strip()]
    return lines[-1].strip() if lines else type(error).__name__
