"""Building a platform: its services on its stores and its engines, and the HTTP interface on those."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version

from fastapi import FastAPI

from treadle.adapters.auth.keys import FileSigner, read_or_make
from treadle.adapters.circuits.process import CircuitProcesses
from treadle.adapters.clock import SystemClock
from treadle.adapters.profiles_file import read_profiles
from treadle.adapters.quantum_jobs import RuntimeClientProcess
from treadle.adapters.schemas.worker_process import WorkerSchemas
from treadle.api.app import create_app
from treadle.api.platform import Platform
from treadle.composition.dispatching import Dispatching
from treadle.composition.environments import make_builder, make_environments
from treadle.composition.stores import open_stores
from treadle.domain.errors import SettingsError
from treadle.domain.ids import new_id
from treadle.domain.profiles import ComputeProfiles
from treadle.domain.tokens import new_token
from treadle.domain.users import OWNER
from treadle.ports.wakeups import WakeUps
from treadle.services.access import Access
from treadle.services.artifacts import Artifacts
from treadle.services.direct_values import DirectValues
from treadle.services.dispatch import Dispatcher
from treadle.services.engines import Engines
from treadle.services.environment_builds import EnvironmentBuilds
from treadle.services.files import Files
from treadle.services.functions import Functions
from treadle.services.job_files import JobFiles
from treadle.services.jobs import Jobs
from treadle.services.launching import JobTerms
from treadle.services.log_settling import LogSettling
from treadle.services.program_reports import ProgramReports
from treadle.services.quantum_stops import QuantumStops
from treadle.services.reports import Reports
from treadle.services.streams import JobStreams
from treadle.services.uploads import Uploads
from treadle.services.values import Values
from treadle.services.versions import Versions
from treadle.settings import Settings

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


def build(settings: Settings, url: str, engines: Engines) -> Gateway:
    """Build a platform, or that part of it which is this process's role.

    Args:
        settings: Its settings; the home folder must exist and be locked by the caller.
        url: Where it will answer.
        engines: Where its jobs run; none for a process that only serves.
    """
    home = settings.home_folder
    stores = open_stores(settings)
    database, wakeups, objects, logs = stores.database, stores.wakeups, stores.objects, stores.logs
    signer = FileSigner.from_key(settings.secret_key_text, home / "secret.key")
    clock = SystemClock()
    values = Values(objects, settings.largest_value, settings.largest_body)
    direct_values = DirectValues(values, objects, stores.transfers, clock, settings.largest_value)
    access = Access(database, signer, clock)
    functions = Functions(database, signer)
    profiles = read_profiles(settings.compute_profiles, strict=settings.strict_budget)
    _check_engines(settings, profiles)
    schemas = WorkerSchemas(settings.arguments_schema_cpu_limit_seconds, settings.arguments_schema_memory_limit_mb)
    settling = LogSettling(logs)
    limits = settings.job_limits
    jobs = Jobs(database, values, logs, settling, wakeups, clock, functions, schemas, profiles, limits)
    environments = make_environments(settings, stores, clock)
    dispatching = None
    if settings.role != "gateway":
        builder = make_builder(settings, engines)
        builds = EnvironmentBuilds(database, builder, engines, objects, wakeups, clock, settings.environment_bytes)
        terms, identity = _terms(settings, url, profiles), read_or_make(home / "dispatcher", new_id())
        dispatcher = Dispatcher(
            database, engines, wakeups, clock, access, functions, stores.files, builds, terms, identity
        )
        dispatching = Dispatching(dispatcher, engines)
    program_reports = ProgramReports(database, objects, wakeups, clock)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await wakeups.open()
        for token in _owner_tokens(settings):
            await access.register(OWNER, token)
        await stores.files.sweep()
        if dispatching is not None:
            await dispatching.open_engines()
            dispatching.begin()
        try:
            yield
            wakeups.close()
            if dispatching is not None:
                await dispatching.end()
        finally:
            await schemas.close()
            if dispatching is not None:
                await dispatching.close()
            await wakeups.disconnect()
            await database.close()

    def is_ready() -> str | None:
        return dispatching.trouble if dispatching is not None else None

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
        reports=Reports(
            database, Artifacts(objects), values, direct_values, logs, settling, wakeups, clock, settings.lease
        ),
        direct_values=direct_values,
        job_files=JobFiles(database, stores.files, settings.largest_file),
        circuits=CircuitProcesses(),
        version=version("treadle"),
        is_ready=is_ready,
        stop_patience=settings.grace_seconds + _STOP_PATIENCE,
    )
    origins, only_probes = settings.cors_origins.pattern, settings.role == "dispatcher"
    largest = (settings.largest_body, settings.largest_file)
    return Gateway(create_app(platform, lifespan, *largest, origins, only_probes=only_probes), wakeups)


def _check_engines(settings: Settings, profiles: ComputeProfiles) -> None:
    """Check that a platform in one process has the engines that its profiles name; elsewhere another process may.

    Raises:
        SettingsError: It lacks one.
    """
    for profile, engine in profiles.engines.items():
        if settings.role == "all" and engine not in settings.engine_names:
            raise SettingsError(
                f"The compute profile {profile!r} is for the engine {engine!r}, which this platform does not have.",
                hint=f"Name it in TREADLE_ENGINE, beside {settings.engine}, or take it out of {settings.compute_profiles}.",
            )


def _owner_tokens(settings: Settings) -> list[str]:
    """Return the tokens that identify the owner: what the settings say, else what the home folder holds.

    Where several processes make up a platform, none of them invents one.
    """
    if settings.owner_token is not None:
        return [settings.owner_token.get_secret_value()]
    path = settings.home_folder / "token"
    return [read_or_make(path, new_token())] if settings.role == "all" or path.exists() else []


def _terms(settings: Settings, url: str, profiles: ComputeProfiles) -> JobTerms:
    return JobTerms(
        gateway_url=(settings.url or url).rstrip("/"),
        budget=settings.budget,
        grace_seconds=settings.grace_seconds,
        wall_seconds=settings.wall_seconds,
        running_jobs=settings.running_jobs,
        delivery_seconds=settings.delivery_seconds,
        profiles=profiles,
        lease=settings.lease,
    )
