"""A QPU service that records with the platform what a job starts on QPUs. Import it late: it imports the runtime client."""

import os
from typing import Self

from qiskit_ibm_runtime import QiskitRuntimeService

from qiskit_serverless.own_job import associate_runtime_job_with_serverless_job
from qiskit_serverless.runtime import has_account, local_service
from qiskit_serverless.serialization.tags import Value


class ServerlessRuntimeService(QiskitRuntimeService):  # type: ignore[misc]  # it has no types
    """A ``QiskitRuntimeService`` whose QPU jobs and sessions are recorded with the job that starts them.

    ``job.runtime_jobs()`` and ``job.runtime_sessions()`` list them, and cancelling the job can end them. Without arguments, and
    where no IBM Quantum account is configured, it stands for the local service of simulated backends, whose jobs leave nothing
    to record; so does ``channel="local"``.
    """

    def __new__(cls, *args: Value, **options: Value) -> Self:
        """Make a service, or take the local one."""
        is_plain = all(given is None for given in (*args, *options.values()))
        if options.get("channel") == "local" or (is_plain and not has_account(QiskitRuntimeService)):
            local: Self = local_service()
            return local
        service: Self = object.__new__(cls)
        return service

    def _run(self, program_id: str, inputs: dict[str, Value], *args: Value, **options: Value) -> Value:
        """Start a QPU job as the primitives do, and record it."""
        started = super()._run(program_id, inputs, *args, **options)
        associate_runtime_job_with_serverless_job(started.job_id(), started.session_id)
        return started


def get_runtime_service(
    channel: str | None = None, token: str | None = None, instance: str | None = None, url: str | None = None
) -> ServerlessRuntimeService:
    """Return the QPU service of this job; what is started with it is recorded with the job.

    What is left out comes from ``QISKIT_IBM_CHANNEL``, ``QISKIT_IBM_TOKEN``, ``QISKIT_IBM_INSTANCE`` and ``QISKIT_IBM_URL``,
    then from the accounts that ``QiskitRuntimeService.save_account`` has saved. Without an account it is the local service.

    Args:
        channel: ``ibm_quantum_platform``, ``ibm_cloud`` or ``local``.
        token: IBM Cloud API key.
        instance: IBM Cloud CRN.
        url: Address of the service.
    """
    private = os.environ.get("QISKIT_IBM_PRIVATE_ENDPOINT", "false").lower() == "true"
    return ServerlessRuntimeService(
        channel=channel or os.environ.get("QISKIT_IBM_CHANNEL"),
        token=token or os.environ.get("QISKIT_IBM_TOKEN"),
        instance=instance or os.environ.get("QISKIT_IBM_INSTANCE"),
        url=url or os.environ.get("QISKIT_IBM_URL"),
        private_endpoint=private or None,
    )
