"""The nodes of a Ray cluster: which there are, what runs where, and where the next program goes."""

import asyncio
import contextlib
import json
from typing import Any

import ray

from treadle.adapters.engines.ray.messages import error_of
from treadle.adapters.engines.ray.node import Attempt, Listener, Node, NodeFacts
from treadle.adapters.engines.ray.terms import RayTerms
from treadle.domain.errors import EngineUnavailableError
from treadle.ports.engine import Presence

_NODES_SECONDS = 5.0  # Ray tells nobody in public when a node joins or dies; its own tools ask as well
_HEAD_PATIENCE = 10.0  # seconds the head may take to answer
_AGENT_PATIENCE = 30.0  # seconds a node may take to get its agent


class ClusterLostError(Exception):
    """The head of the cluster does not answer."""


class Cluster:
    """`treadle.ports.engine.Engine` over the nodes of a cluster, in the words of `messages`."""

    def __init__(self, terms: RayTerms, listener: Listener) -> None:
        """Make it; `watch` finds the nodes."""
        self._terms = terms
        self._listener = Listener(listener.exited, self._look_now)
        self._nodes: dict[str, Node] = {}
        self._starting: dict[Attempt, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()

    async def watch(self) -> None:
        """Keep an eye on which nodes there are.

        Raises:
            ClusterLostError: The head is gone.
        """
        while True:
            self._changed.clear()
            await self.look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _NODES_SECONDS)
                await asyncio.sleep(
                    0.2
                )  # seconds: whoever noticed trouble asks again soon, the head not more often than this

    async def look(self) -> None:
        """Find the nodes that there are now.

        Raises:
            ClusterLostError: The head is gone.
        """
        try:
            found = await asyncio.wait_for(asyncio.to_thread(ray.nodes), _HEAD_PATIENCE)
        except TimeoutError as error:
            raise ClusterLostError("The head of the Ray cluster does not answer.") from error
        alive = {
            node["NodeID"]: NodeFacts(node["NodeID"], node["NodeManagerAddress"], node["Resources"])
            for node in found
            if node["Alive"]
        }
        for name in self._nodes.keys() - alive.keys():
            self._nodes.pop(name).lose()
        for name in alive.keys() - self._nodes.keys():
            if _suits(alive[name], self._terms.resource):
                self._nodes[name] = Node(alive[name], self._terms, self._listener)

    async def start(self, launch: str) -> None:
        """Start or recover an attempt where it is, or else where there is most room.

        Raises:
            EngineUnavailableError: It cannot be started now.
            EnvironmentUnusableError: It cannot be started in its environment.
        """
        document = json.loads(launch)
        attempt = (document["job_id"], document["attempt"])
        if attempt not in self._starting:
            self._starting[attempt] = asyncio.create_task(self._start(attempt, launch, document["budget"]["cpu"]))
            self._starting[attempt].add_done_callback(lambda _: self._starting.pop(attempt))
        await self._starting[attempt]

    async def adopt(self, job_id: str, attempt: int) -> str:
        """Look for an attempt on all nodes, and watch it if it runs. Returns a `Presence`."""
        presence, _ = await self._find((job_id, attempt))
        return presence.value

    async def stop(self, job_id: str, attempt: int) -> None:
        """Stop an attempt where it runs; harmless when it does not."""
        key = (job_id, attempt)
        if key in self._starting:
            await asyncio.wait([self._starting[key]])
        presence, node = await self._find(key)
        if presence is Presence.RUNNING and node is not None:
            _value(await node.call("stop", *key))

    async def build(self, lock: dict[str, str]) -> object:
        """Have the node with the most room build an environment. Returns what the build printed.

        Raises:
            BuildFailedError: It cannot be built.
            BuilderUnavailableError: It cannot be built there now.
            EngineUnavailableError: There is no node that runs programs.
        """
        await self._nodes_asked()
        return _value(await self._place(0.0).call("build", lock))

    async def on_all(self, name: str, *arguments: object) -> None:
        """Have all nodes do something; those that do not answer have nothing to do."""
        calls = [node.call(name, *arguments) for node in self._nodes.values() if node.has_agent]
        await asyncio.gather(*calls, return_exceptions=True)

    async def close(self) -> None:
        """Let all agents go."""
        await asyncio.gather(*(node.close() for node in self._nodes.values()), return_exceptions=True)

    async def _start(self, attempt: Attempt, launch: str, cpus: float) -> None:
        presence, node = await self._find(attempt)
        if presence is Presence.UNKNOWN or node is None:
            node = self._place(cpus)
        node.attempts[attempt] = cpus
        try:
            _value(await node.call("start", launch))
        except Exception:
            node.attempts.pop(attempt, None)
            raise

    async def _find(self, attempt: Attempt) -> tuple[Presence, Node | None]:
        """Ask all nodes for an attempt."""
        await self._nodes_asked()
        nodes = [node for node in self._nodes.values() if node.has_agent]
        answers = await asyncio.gather(*(node.call("adopt", *attempt) for node in nodes), return_exceptions=True)
        found = {_presence(answer): node for node, answer in zip(nodes, answers, strict=True)}
        for presence in (Presence.RUNNING, Presence.GONE):
            if presence in found:
                found[presence].attempts.setdefault(attempt, 0.0)
                return presence, found[presence]
        return Presence.UNKNOWN, None

    async def _nodes_asked(self) -> None:
        """Wait until it is known of every node whether it can be used, but not for ever: a node may be sick."""
        if not self._nodes:
            await self.look()
        asked = [asyncio.create_task(node.asked.wait()) for node in self._nodes.values() if not node.asked.is_set()]
        if asked:
            _, late = await asyncio.wait(asked, timeout=_AGENT_PATIENCE)
            for each in late:
                each.cancel()

    def _place(self, cpus: float) -> Node:
        """Return the node where a program goes: one with room for its budget, and of these the least busy one.

        Raises:
            EngineUnavailableError: There is no node that runs programs.
        """
        usable = [node for node in self._nodes.values() if node.usable]
        if not usable:
            raise EngineUnavailableError(
                f"No node of the Ray cluster runs programs: {self._troubles()}.", hint=_NO_NODE_HINT
            )

        def load(node: Node) -> tuple[bool, float]:
            offered = node.facts.resources["CPU"]
            return sum(node.attempts.values()) + cpus > offered, len(node.attempts) / offered

        return min(usable, key=load)

    def _troubles(self) -> str:
        if not self._nodes:
            return (
                "it has no node with CPUs"
                if self._terms.resource is None
                else f"it has no node with {self._terms.resource}"
            )
        return "; ".join(
            f"{node.facts.address}: {node.trouble or 'it is not ready yet'}" for node in self._nodes.values()
        )

    def _look_now(self) -> None:
        self._changed.set()


_NO_NODE_HINT = "Install Treadle with the extra `ray`, in the same version, on the nodes (docs/ray.md)."


def _suits(facts: NodeFacts, resource: str | None) -> bool:
    return facts.resources.get("CPU", 0) > 0 and (resource is None or facts.resources.get(resource, 0) > 0)


def _presence(answer: dict[str, Any] | BaseException) -> Presence:
    """Return what a node knows of an attempt; a node that does not answer is as good as gone."""
    if isinstance(answer, EngineUnavailableError):
        return Presence.UNKNOWN
    if isinstance(answer, BaseException):
        raise answer
    return Presence(answer["value"])


def _value(answer: dict[str, Any]) -> object:
    """Return what an agent answered, or raise the error that it describes."""
    if "error" in answer:
        raise error_of(answer["error"])
    return answer["value"]
