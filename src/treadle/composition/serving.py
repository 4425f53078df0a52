"""Serving a platform over HTTP."""

import socket
from collections.abc import Callable

import uvicorn

from treadle.composition.gateway import Gateway


def run(gateway: Gateway, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve a platform until SIGINT or SIGTERM.

    Args:
        gateway: The platform.
        listener: The socket to listen on.
        on_ready: Called once it answers.

    Raises:
        TreadleError: It cannot be opened, for instance because an engine cannot.
    """
    config = uvicorn.Config(
        gateway.app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=5
    )
    _Server(config, gateway, on_ready).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that tells when it answers, and ends its streams when it is asked to stop."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = gateway.app
        self._wakeups = gateway.wakeups
        self._on_ready = on_ready

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the platform, serve it, and close it. An error of its start is the caller's, not only a line in a log."""
        with self.capture_signals():
            async with self._app.router.lifespan_context(self._app):
                await self._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to serve."""
        self._wakeups.close()
        await super().shutdown(sockets)
