"""Wake-ups within one process, by asyncio events."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class EventSubscription:
    """`treadle.ports.wakeups.Subscription` on an event."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.closed = False

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until the topic was published since the last call, or since subscribing."""
        if self.closed:
            return False
        if not self.event.is_set():
            try:
                await asyncio.wait_for(self.event.wait(), seconds)
            except TimeoutError:
                return False
        self.event.clear()
        return not self.closed


class InProcessWakeUps:
    """`treadle.ports.wakeups.WakeUps` within one event loop."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[EventSubscription]] = {}
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the platform is shutting down."""
        return self._closed

    async def open(self) -> None:
        """Nothing to do: there is no other process."""

    def publish(self, topic: str) -> None:
        """Wake everybody who waits for `topic`."""
        for subscription in self._subscriptions.get(topic, ()):
            subscription.event.set()

    def wake_everybody(self) -> None:
        """Wake whoever waits for whatever topic."""
        for topic in self._subscriptions:
            self.publish(topic)

    @contextmanager
    def subscribe(self, topic: str) -> Iterator[EventSubscription]:
        """Begin to take interest in `topic`."""
        subscription = EventSubscription()
        subscription.closed = self._closed
        interested = self._subscriptions.setdefault(topic, set())
        interested.add(subscription)
        try:
            yield subscription
        finally:
            interested.discard(subscription)
            if not interested:
                self._subscriptions.pop(topic, None)

    def close(self) -> None:
        """Wake everybody, for good."""
        self._closed = True
        for interested in self._subscriptions.values():
            for subscription in interested:
                subscription.closed = True
                subscription.event.set()

    async def disconnect(self) -> None:
        """Nothing to do: there is no other process."""
