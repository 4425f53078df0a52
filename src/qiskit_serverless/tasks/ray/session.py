"""The session of a program on a cluster."""

import atexit
import os

from qiskit_serverless.tasks.budget import Budget
from qiskit_serverless.tasks.program_session import ProgramSession, allow_many_files
from qiskit_serverless.tasks.ray.connection import connect, warm
from qiskit_serverless.tasks.ray.context import JobContext
from qiskit_serverless.tasks.ray.leases import Leases
from qiskit_serverless.tasks.ray.objects import ObjectStore
from qiskit_serverless.tasks.ray.pool import RayPool


class RaySession(ProgramSession):
    """Runs tasks for the threads of this process, on the cluster that ``RAY_ADDRESS`` names."""

    @classmethod
    def connect(cls) -> "RaySession":
        """Return the session of this process.

        Raises:
            ValueError: The budget in the environment is malformed.
            WorkersUnavailableError: There is no cluster at the address.
        """
        allow_many_files()
        budget = Budget.from_environment()
        connect(os.environ.get("RAY_ADDRESS", "auto"), os.environ.get("TREADLE_RAY_NODE"))
        if budget.min_workers:
            warm(budget.min_workers, cores=1)
        session = cls(RayPool(Leases(JobContext.of_this_process(budget)), budget), ObjectStore())
        atexit.register(session.close)
        return session
