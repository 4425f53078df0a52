"""How one part of the platform wakes another: no polling."""

from contextlib import AbstractContextManager
from typing import Protocol


class Subscription(Protocol):
    """Interest in a topic."""

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until the topic was published since the last call, or since subscribing.

        Args:
            seconds: Longest wait; None for no limit.

        Returns:
            False when the time ran out, or when the wake-ups are closed.
        """


class WakeUps(Protocol):
    """Topics that can be waited for."""

    @property
    def closed(self) -> bool:
        """Whether the platform is shutting down; nobody should begin a wait any more."""

    async def open(self) -> None:
        """Begin to exchange publications with the platform's other processes, where it has several."""

    def publish(self, topic: str) -> None:
        """Wake everybody who waits for `topic`, in all processes.

        Publishing is not queued: several at once wake once. It neither waits nor fails: what it tells of is stored already, and
        those who wait look again by themselves after a while, in case that it got lost.
        """

    def subscribe(self, topic: str) -> AbstractContextManager[Subscription]:
        """Begin to take interest in `topic`."""

    def close(self) -> None:
        """Wake everybody in this process, for good. Publications still go to the others."""

    async def disconnect(self) -> None:
        """End the exchange with other processes, when all that was published is on its way."""


QUEUE = "queue"
"""Topic: there may be something to dispatch."""

ENVIRONMENTS = "environments"
"""Topic: there may be an environment to build."""

STOPS = "stops"
"""Topic: there may be a program to stop."""


def job_topic(job_id: str) -> str:
    """Return the topic of everything a watcher of one job wants to know."""
    return f"job/{job_id}"
