"""Building a platform: its services on its stores and its engine, and the HTTP interface on those."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version

from fastapi import FastAPI

from treadle.adapters.auth.keys import FileSigner, read_or_make
from treadle.adapters.circuits.process import CircuitProcesses
from treadle.adapters.clock import SystemClock
from treadle.adapters.environments.allow_list_file import read_allow_list
from treadle.adapters.environments.local import LocalEnvironments
from treadle.adapters.profiles_file import read_profiles
from treadle.adapters.quantum_jobs import RuntimeClientProcess
from treadle.adapters.schemas.worker_process import WorkerSchemas
from treadle.api.app import create_app
from treadle.api.platform import Platform
from treadle.composition.stores import open_stores
from treadle.domain.profiles import ComputeProfiles
from treadle.domain.tokens import new_token
from treadle.domain.users import OWNER
from treadle.ports.engine import Engine
from treadle.ports.wakeups import WakeUps
from treadle.services.access import Access
from treadle.services.artifacts import Artifacts
from treadle.services.dispatch import Dispatcher, JobTerms
from treadle.services.environments import Environments, EnvironmentTerms
from treadle.services.files import Files
from treadle.services.functions import Functions
from treadle.services.jobs import Jobs
from treadle.services.log_settling import LogSettling
from treadle.services.program_reports import ProgramReports
from treadle.services.quantum_stops import QuantumStops
from treadle.services.reports import Reports
from treadle.services.streams import JobStreams
from treadle.services.uploads import Uploads
from treadle.services.values import Values
from treadle.services.versions import Versions
from treadle.settings import Settings

logger = logging.getLogger(__name__)

_STOP_PATIENCE = 1.0  # seconds a stop request waits beyond the program's grace time


@dataclass(frozen=True, slots=True)
class Gateway:
    """A built platform.

    Attributes:
        app: The ASGI application.
        wakeups: To be closed first at the end, so that streams end and the server can.
    """

    app: FastAPI
    wakeups: WakeUps


def build(settings: Settings, url: str, engine: Engine) -> Gateway:
    """Build a platform.

    Args:
        settings: Its settings; the home folder must exist and be locked by the caller.
        url: Where it will answer.
        engine: Where its jobs run.
    """
    home = settings.home_folder
    stores = open_stores(settings)
    database, wakeups, objects, logs = stores.database, stores.wakeups, stores.objects, stores.logs
    signer = FileSigner.from_file(home / "secret.key")
    clock = SystemClock()
    values = Values(objects, settings.largest_value, settings.largest_body)
    access = Access(database, signer, clock)
    functions = Functions(database, signer)
    profiles = read_profiles(settings.compute_profiles, strict=settings.strict_budget)
    schemas = WorkerSchemas(settings.arguments_schema_cpu_limit_seconds, settings.arguments_schema_memory_limit_mb)
    settling = LogSettling(logs)
    jobs = Jobs(
        database,
        values,
        logs,
        settling,
        engine,
        wakeups,
        clock,
        functions,
        schemas,
        profiles,
        settings.active_jobs_per_user,
    )
    builder = _environment_builder(settings)
    environments = Environments(database, builder, engine, wakeups, clock, _environment_terms(settings))
    dispatcher = Dispatcher(
        database, engine, wakeups, clock, access, functions, stores.files, environments, _terms(settings, url, profiles)
    )
    program_reports = ProgramReports(database, objects, wakeups, clock)
    dispatching: list[asyncio.Task[None]] = []

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await access.register(OWNER, read_or_make(home / "token", new_token()))
        await wakeups.open()
        await stores.files.sweep()
        await engine.open(dispatcher.supervisor_exited)
        await asyncio.to_thread(builder.open)
        await environments.open()
        dispatching.append(asyncio.create_task(dispatcher.run()))
        dispatching[0].add_done_callback(_say_if_failed)
        try:
            yield
            wakeups.close()
            await dispatching[0]
        finally:
            await environments.close()
            await schemas.close()
            await engine.close()
            await wakeups.disconnect()
            await database.close()

    def is_ready() -> str | None:
        return None if dispatching and not dispatching[0].done() else "dispatcher_unavailable"

    platform = Platform(
        access=access,
        functions=functions,
        uploads=Uploads(
            database, Artifacts(objects), environments, schemas, profiles, signer, clock, settings.largest_body
        ),
        versions=Versions(database, functions, Artifacts(objects), clock),
        environments=environments,
        files=Files(stores.files, functions, settings.largest_file),
        jobs=jobs,
        profiles=profiles,
        streams=JobStreams(jobs, database, logs, wakeups),
        program_reports=program_reports,
        quantum_stops=QuantumStops(program_reports, RuntimeClientProcess()),
        reports=Reports(database, Artifacts(objects), values, logs, settling, wakeups, clock),
        circuits=CircuitProcesses(),
        version=version("treadle"),
        is_ready=is_ready,
        stop_patience=settings.grace_seconds + _STOP_PATIENCE,
    )
    origins = settings.cors_origins.pattern
    return Gateway(create_app(platform, lifespan, settings.largest_body, settings.largest_file, origins), wakeups)


def _say_if_failed(dispatching: asyncio.Task[None]) -> None:
    """Say it loudly if the dispatcher ended by a fault of ours: without it no job would ever start."""
    if not dispatching.cancelled() and dispatching.exception() is not None:
        logger.critical(
            "the dispatcher has ended; no job will be started until the gateway is started again",
            exc_info=dispatching.exception(),
        )


def _terms(settings: Settings, url: str, profiles: ComputeProfiles) -> JobTerms:
    return JobTerms(
        gateway_url=url,
        budget=settings.budget,
        grace_seconds=settings.grace_seconds,
        wall_seconds=settings.wall_seconds,
        running_jobs=settings.running_jobs,
        profiles=profiles,
    )


def _environment_builder(settings: Settings) -> LocalEnvironments:
    return LocalEnvironments(
        settings.home_folder,
        solve_seconds=settings.solve_seconds,
        build_seconds=settings.build_seconds,
        only_wheels=not settings.build_packages,
    )


def _environment_terms(settings: Settings) -> EnvironmentTerms:
    return EnvironmentTerms(read_allow_list(settings.allowed_packages), settings.environment_bytes)
