"""What the routes work with."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from treadle.domain.profiles import ComputeProfiles
from treadle.ports.circuits import CircuitWriter
from treadle.services.access import Access
from treadle.services.direct_values import DirectValues
from treadle.services.environments import Environments
from treadle.services.files import Files
from treadle.services.functions import Functions
from treadle.services.job_files import JobFiles
from treadle.services.jobs import Jobs
from treadle.services.program_reports import ProgramReports
from treadle.services.quantum_stops import QuantumStops
from treadle.services.reports import Reports
from treadle.services.streams import JobStreams
from treadle.services.uploads import Uploads
from treadle.services.versions import Versions


@dataclass(frozen=True, slots=True)
class Platform:
    """The services behind the API.

    Attributes:
        access: Who is calling.
        functions: Functions.
        uploads: Uploads of functions.
        versions: Versions of functions.
        files: Files of users and providers.
        environments: Their environments.
        jobs: Jobs, for users.
        profiles: The compute profiles on offer.
        streams: Streams of jobs.
        program_reports: What programs tell of their own job.
        quantum_stops: Ends jobs on quantum computers.
        reports: The runner's side.
        direct_values: Large values on their way past the gateway.
        job_files: Files of jobs, for the runner's side.
        circuits: Writes circuits for clients with an older Qiskit.
        version: Version of the platform.
        is_ready: Returns why the platform cannot take work now, or None.
        stop_patience: Seconds a stop request waits for the end of the program.
    """

    access: Access
    functions: Functions
    uploads: Uploads
    versions: Versions
    files: Files
    environments: Environments
    jobs: Jobs
    profiles: ComputeProfiles
    streams: JobStreams
    program_reports: ProgramReports
    quantum_stops: QuantumStops
    reports: Reports
    direct_values: DirectValues
    job_files: JobFiles
    circuits: CircuitWriter
    version: str
    is_ready: Callable[[], str | None]
    stop_patience: float


def platform_of(request: Request) -> Platform:
    """Return the services behind the application that serves `request`."""
    platform: Platform = request.app.state.platform
    return platform
