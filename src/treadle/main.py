"""Serves a platform, or a part of one, on its home folder and port.

Nothing heavy is imported before the zygote has been started, so that the two import side by side.
"""

import gc
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from treadle.adapters.engines.local import LocalEngine
from treadle.domain.errors import PortTakenError, SettingsError
from treadle.home_folder import announced, locked, make

if TYPE_CHECKING:
    from treadle.settings import Settings

_WHERE = "docs/several-gateways.md shows how a platform of several processes is set up."


def serve(settings: "Settings", on_ready: Callable[[str], None]) -> None:
    """Run a platform, or the part of one that is this process's role, in the foreground until SIGINT or SIGTERM.

    Args:
        settings: Its settings.
        on_ready: Called with the process's URL once it answers.

    Raises:
        SettingsError: The settings do not make a platform, or this part of one.
        HomeFolderError: The home folder cannot be written, or another gateway uses it.
        PortTakenError: Something else listens on the port.
        EngineUnavailableError: The local engine cannot run here.
    """
    home = settings.home_folder
    _check_role(settings)
    make(home)
    with locked(home), _listen(settings.bind_host, settings.bind_port) as listener:
        local = _local_engine(settings)
        os.umask(0o077)  # a home folder that was there already may be open to others; what we put into it is not
        gc.disable()  # what is imported now is no garbage; looking for some takes a tenth of the time

        from treadle.composition import build, make_engines, run

        gc.freeze()
        gc.enable()
        url = f"http://{_reachable(settings.bind_host)}:{listener.getsockname()[1]}"
        gateway = build(settings, url, make_engines(settings, local))
        with announced(home, _announced_url(settings, url)):
            run(gateway, listener, lambda: on_ready(url))


def _check_role(settings: "Settings") -> None:
    """Check that a part of a platform knows where the other parts are.

    Raises:
        SettingsError: It does not.
    """
    if settings.role == "all":
        return
    if settings.database is None:
        raise SettingsError(
            f"A {settings.role} of its own needs a database that it shares: TREADLE_DATABASE.", hint=_WHERE
        )
    if settings.secret_key is None and not (settings.home_folder / "secret.key").exists():
        raise SettingsError(
            f"A {settings.role} of its own needs the key that all parts of the platform share: TREADLE_SECRET_KEY.",
            hint=_WHERE,
        )
    if settings.objects is None:
        raise SettingsError(
            f"A {settings.role} of its own needs a bucket that all parts of the platform share: TREADLE_OBJECTS.",
            hint=_WHERE,
        )
    if settings.role == "dispatcher" and settings.url is None:
        raise SettingsError("A dispatcher of its own must know where the gateways are: TREADLE_URL.", hint=_WHERE)
    if "engine" not in settings.model_fields_set:  # a gateway solves environments for the engines of the dispatchers
        raise SettingsError(
            f"A {settings.role} of its own must know the engines of the platform: TREADLE_ENGINE.", hint=_WHERE
        )


def _local_engine(settings: "Settings") -> LocalEngine | None:
    """Return the engine of this machine, whose zygote has begun to import; None where no jobs run here."""
    if settings.role == "gateway" or "local" not in settings.engine_names:
        return None
    engine = LocalEngine(settings.home_folder, warm_environments=settings.warm_environments)
    engine.spawn_zygote()
    return engine


def _announced_url(settings: "Settings", url: str) -> str:
    """Return where clients and supervisors of this home folder find a gateway. A dispatcher of its own is none."""
    return settings.url if settings.role == "dispatcher" and settings.url is not None else url


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
