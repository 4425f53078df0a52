"""The composition root: builds a platform from its settings and serves it. The only place that names adapters."""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from treadle.adapters.auth.keys import FileSigner, read_or_make
from treadle.adapters.clock import SystemClock
from treadle.adapters.database.schema import upgrade
from treadle.adapters.database.sqlite import SqliteDatabase, sqlite_engine
from treadle.adapters.engines.local import LocalEngine
from treadle.adapters.environments.installed import InstalledEnvironment
from treadle.adapters.logs.folder import FolderLogs
from treadle.adapters.objects.obstore_objects import ObstoreObjects
from treadle.adapters.wakeups.in_process import InProcessWakeUps
from treadle.api.app import create_app
from treadle.api.platform import Platform
from treadle.domain.errors import HomeFolderError, PortTakenError
from treadle.domain.tokens import new_token
from treadle.services.access import Access
from treadle.services.dispatch import Dispatcher, JobTerms
from treadle.services.functions import Functions
from treadle.services.jobs import Jobs
from treadle.services.reports import Reports
from treadle.services.streams import JobStreams
from treadle.settings import Settings

logger = logging.getLogger(__name__)

OWNER = "owner"
_STOP_PATIENCE = 1.0  # seconds a stop request waits beyond the program's grace time


@dataclass(frozen=True, slots=True)
class Gateway:
    """A built platform.

    Attributes:
        app: The ASGI application.
        wakeups: To be closed first at the end, so that streams end and the server can.
    """

    app: FastAPI
    wakeups: InProcessWakeUps


def build(settings: Settings, url: str) -> Gateway:
    """Build a platform that answers at `url`. Its home folder must exist and be locked by the caller.

    Raises:
        HomeFolderError: The database cannot be opened.
    """
    home = settings.home_folder
    database = _open_database(home / "treadle.db")
    signer = FileSigner.from_file(home / "secret.key")
    clock, wakeups, logs = SystemClock(), InProcessWakeUps(), FolderLogs(home / "logs")
    objects = ObstoreObjects.in_folder(home / "objects")
    engine = LocalEngine(home)
    access = Access(database, signer, clock)
    functions = Functions(database, objects, InstalledEnvironment(), signer, clock)
    jobs = Jobs(database, objects, logs, engine, wakeups, clock, functions, settings.active_jobs_per_user)
    dispatcher = Dispatcher(database, engine, wakeups, clock, access, functions, _terms(settings, url))
    dispatching: list[asyncio.Task[None]] = []

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await access.register(OWNER, read_or_make(home / "token", new_token()))
        await engine.open(dispatcher.supervisor_exited)
        dispatching.append(asyncio.create_task(dispatcher.run()))
        dispatching[0].add_done_callback(_say_if_failed)
        yield
        wakeups.close()
        await dispatching[0]
        await engine.close()
        await database.close()

    def is_ready() -> str | None:
        return None if dispatching and not dispatching[0].done() else "dispatcher_unavailable"

    platform = Platform(
        access=access,
        functions=functions,
        jobs=jobs,
        streams=JobStreams(jobs, database, logs, wakeups),
        reports=Reports(database, objects, logs, wakeups, clock),
        version=version("treadle"),
        is_ready=is_ready,
        stop_patience=settings.grace_seconds + _STOP_PATIENCE,
    )
    return Gateway(create_app(platform, lifespan, settings.largest_body), wakeups)


def serve(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Run a platform in the foreground until SIGINT or SIGTERM.

    Args:
        settings: Its settings.
        on_ready: Called with the platform's URL once it answers.

    Raises:
        HomeFolderError: The home folder cannot be written, or another gateway uses it.
        PortTakenError: Something else listens on the port.
    """
    home = settings.home_folder
    _make_home(home)
    with _lock(home), _listen(settings.bind_host, settings.bind_port) as listener:
        url = f"http://{_reachable(settings.bind_host)}:{listener.getsockname()[1]}"
        gateway = build(settings, url)
        config = uvicorn.Config(
            gateway.app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=5
        )
        with _announced(home, url):
            _Server(config, gateway.wakeups, lambda: on_ready(url)).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that tells when it answers, and ends its streams when it is asked to stop."""

    def __init__(self, config: uvicorn.Config, wakeups: InProcessWakeUps, on_ready: Callable[[], None]) -> None:
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


def _say_if_failed(dispatching: asyncio.Task[None]) -> None:
    """Say it loudly if the dispatcher ended by a fault of ours: without it no job would ever start."""
    if not dispatching.cancelled() and dispatching.exception() is not None:
        logger.critical(
            "the dispatcher has ended; no job will be started until the gateway is started again",
            exc_info=dispatching.exception(),
        )


def _terms(settings: Settings, url: str) -> JobTerms:
    return JobTerms(
        gateway_url=url,
        data_folder=str(settings.home_folder / "data"),
        budget=settings.budget,
        grace_seconds=settings.grace_seconds,
        wall_seconds=settings.wall_seconds,
        running_jobs=settings.running_jobs,
    )


def _open_database(path: Path) -> SqliteDatabase:
    engine = sqlite_engine(path)
    upgrade(engine)
    engine.dispose()
    return SqliteDatabase(path)


def _make_home(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise HomeFolderError(
            f"The home folder {home} cannot be written: {error.strerror}.",
            hint="Choose another one with --home or TREADLE_HOME.",
        ) from error


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    """Hold the home folder for this process alone."""
    with (home / "gateway.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeFolderError(
                f"Another gateway already uses the home folder {home}.",
                hint="Use that one, stop it, or choose another folder with --home or TREADLE_HOME.",
            ) from None
        os.set_inheritable(file.fileno(), False)
        yield


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


@contextlib.contextmanager
def _announced(home: Path, url: str) -> Iterator[None]:
    """Let clients on this machine find the gateway while it runs."""
    path = home / "gateway.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    partial.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
