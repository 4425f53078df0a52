"""Serving a platform over HTTP."""

import socket
from collections.abc import Callable

import uvicorn

from treadle.composition.gateway import Gateway
from treadle.ports.wakeups import WakeUps


def run(gateway: Gateway, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve a platform until SIGINT or SIGTERM.

    Args:
        gateway: The platform.
        listener: The socket to listen on.
        on_ready: Called once it answers.
    """
    config = uvicorn.Config(
        gateway.app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=5
    )
    _Server(config, gateway.wakeups, on_ready).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that tells when it answers, and ends its streams when it is asked to stop."""

    def __init__(self, config: uvicorn.Config, wakeups: WakeUps, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._wakeups = wakeups
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to serve."""
        self._wakeups.close()
        await super().shutdown(sockets)
