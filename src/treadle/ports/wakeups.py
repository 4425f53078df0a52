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

    def publish(self, topic: str) -> None:
        """Wake everybody who waits for `topic`. Publishing is not queued: several at once wake once."""

    def subscribe(self, topic: str) -> AbstractContextManager[Subscription]:
        """Begin to take interest in `topic`."""

    def close(self) -> None:
        """Wake everybody, for good."""


QUEUE = "queue"
"""Topic: there may be something to dispatch."""


def job_topic(job_id: str) -> str:
    """Return the topic of everything a watcher of one job wants to know."""
    return f"job/{job_id}"
