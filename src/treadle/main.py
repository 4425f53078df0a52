"""Serves a platform on its home folder and port.

Nothing heavy is imported before the zygote has been started, so that the two import side by side.
"""

import gc
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from treadle.adapters.engines.local import LocalEngine
from treadle.domain.errors import PortTakenError
from treadle.home_folder import announced, locked, make

if TYPE_CHECKING:
    from treadle.settings import Settings


def serve(settings: "Settings", on_ready: Callable[[str], None]) -> None:
    """Run a platform in the foreground until SIGINT or SIGTERM.

    Args:
        settings: Its settings.
        on_ready: Called with the platform's URL once it answers.

    Raises:
        HomeFolderError: The home folder cannot be written, or another gateway uses it.
        PortTakenError: Something else listens on the port.
        EngineUnavailableError: The local engine cannot run here.
    """
    home = settings.home_folder
    make(home)
    with locked(home), _listen(settings.bind_host, settings.bind_port) as listener:
        engine = LocalEngine(home, warm_environments=settings.warm_environments)
        engine.spawn_zygote()
        os.umask(0o077)  # a home folder that was there already may be open to others; what we put into it is not
        gc.disable()  # what is imported now is no garbage; looking for some takes a tenth of the time

        from treadle.composition import build, run

        gc.freeze()
        gc.enable()
        url = f"http://{_reachable(settings.bind_host)}:{listener.getsockname()[1]}"
        gateway = build(settings, url, engine)
        with announced(home, url):
            run(gateway, listener, lambda: on_ready(url))


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        raise PortTakenError(
            f"Cannot listen on {host} port {port}: {error.strerror or error}.",
            hint="Choose another port with --port or TREADLE_BIND_PORT; 0 takes any free one.",
        ) from error


def _reachable(host: str) -> str:
    """Return the host part of a URL by which this machine reaches a server that listens on `host`."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104  (compared, not bound)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
