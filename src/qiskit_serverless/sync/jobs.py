# Made from aio/jobs.py by `make sdk`. Change it there.
"""Jobs: how they stand, what they print, what they leave behind."""

import logging
import warnings
from collections.abc import Iterator
from typing import Any, ClassVar

from qiskit_serverless.exceptions import JobCanceledError, JobFailedError
from qiskit_serverless.records import JobEvent, JobUpdate, cause_from_events, cause_from_log, failure_text
from qiskit_serverless.serialization.tags import Value
from qiskit_serverless.statuses import TERMINAL, shown
from qiskit_serverless.sync.job_calls import JobCalls
from qiskit_serverless.versions import VersionName

_log = logging.getLogger(__name__)


class Job:
    """One run of a function.

    Attributes:
        job_id: Its id.
        raw_data: What the gateway said of it last.
        compute_profile: The profile it runs with, on gateways that have several.
    """

    PENDING: ClassVar[str] = "PENDING"
    RUNNING: ClassVar[str] = "RUNNING"
    STOPPING: ClassVar[str] = "STOPPING"
    STOPPED: ClassVar[str] = "STOPPED"
    SUCCEEDED: ClassVar[str] = "SUCCEEDED"
    FAILED: ClassVar[str] = "FAILED"
    QUEUED: ClassVar[str] = "QUEUED"

    # The stages a program reports with `update_status`.
    MAPPING: ClassVar[str] = "MAPPING"
    OPTIMIZING_HARDWARE: ClassVar[str] = "OPTIMIZING_HARDWARE"
    WAITING_QPU: ClassVar[str] = "WAITING_QPU"
    EXECUTING_QPU: ClassVar[str] = "EXECUTING_QPU"
    POST_PROCESSING: ClassVar[str] = "POST_PROCESSING"

    def __init__(
        self,
        job_id: str,
        job_service: JobCalls,
        raw_data: dict[str, Any] | None = None,
        compute_profile: str | None = None,
    ) -> None:
        """Bind a job to the client that asks for it.

        Args:
            job_id: Its id.
            job_service: The client.
            raw_data: What the gateway said of it.
            compute_profile: The profile it runs with.
        """
        self.job_id = job_id
        self.raw_data = raw_data or {}
        self.compute_profile = compute_profile
        self._client = job_service

    @property
    def fleet_id(self) -> str | None:
        """Id of the Code Engine fleet it runs on, None on gateways without fleets."""
        fleet: str | None = self.raw_data.get("fleet_id")
        return fleet

    def __repr__(self) -> str:
        return f"<Job | {self.job_id}>"

    def status(self) -> str:
        """Return how it stands: QUEUED, INITIALIZING, RUNNING, ``RUNNING: <STAGE>``, CANCELING, DONE, ERROR or CANCELED."""
        self.raw_data.update(self._client.get_job_data(self.job_id))
        return shown(self.raw_data["status"], self.raw_data.get("sub_status"))

    def function_version(self) -> VersionName:
        """Return how the version of its function is called that it runs or ran."""
        return self._client.function_version(self.job_id)

    @property
    def sub_status(self) -> str | None:
        """The stage the program reported last, by its constant's name, None before the first."""
        self.status()
        stage: str | None = self.raw_data.get("sub_status")
        return stage

    def in_terminal_state(self) -> bool:
        """Return whether it has ended."""
        return self.status() in TERMINAL

    def follow(self, logs: bool = True, *, provider_logs: bool = False) -> Iterator[JobUpdate]:
        """Yield what happens to it, from its beginning until its end: statuses and what it prints, as it happens.

        A broken connection is resumed where it broke.

        Args:
            logs: Whether to yield what it prints.
            provider_logs: Whether to yield what it prints for the provider of its function instead.

        Raises:
            AccessError: You do not belong to the provider whose log you want.
            GatewayConnectionError: The gateway stays away.
        """
        return self._client.watch(self.job_id, logs=logs, provider_logs=provider_logs)

    def result(
        self,
        wait: bool = True,
        cadence: float = 30,
        verbose: bool = False,
        maxwait: float = 0,
        *,
        timeout: float | None = None,
    ) -> Value:
        """Return what the program saved; ``{}`` if it saved nothing.

        It waits for the end of the job, not for a clock. Only a gateway that cannot stream is asked again and again.

        Args:
            wait: Whether to wait for the end of the job.
            cadence: Longest pause between two questions, in seconds, to a gateway that cannot stream.
            verbose: Whether to log the statuses.
            maxwait: Wait at most ``maxwait * cadence`` seconds; 0 for no limit.
            timeout: Wait at most this many seconds; None for no limit.

        Raises:
            JobFailedError: It ended in ERROR; ``cause`` says why.
            JobCanceledError: It was cancelled.
            WaitTimeoutError: It has not ended in time. It goes on.
            GatewayError: The gateway refused.
            GatewayConnectionError: The gateway stays away.
        """
        status = self._wait(cadence, verbose, maxwait * cadence if maxwait else timeout) if wait else self.status()
        self._raise_without_result(status)
        return self._client.result(self.job_id)

    def raw_result(self) -> str:
        """Wait for the end of the job and return what the program saved as JSON text; ``{}`` if it saved nothing.

        Raises:
            JobFailedError: It ended in ERROR; ``cause`` says why.
            JobCanceledError: It was cancelled.
        """
        self._raise_without_result(self._wait())
        return self._client.raw_result(self.job_id)

    def logs(self) -> str:
        """Return what it has printed so far."""
        return self._client.logs(self.job_id)

    def filtered_logs(self, *, include: str | None = None, exclude: str | None = None) -> str:
        """Return the lines it has printed that match.

        Args:
            include: Only lines in which this regular expression is found; all if left out.
            exclude: No lines in which this regular expression is found.

        Raises:
            InvalidArgumentError: One of the two is not a regular expression.
        """
        return self._client.filtered_logs(self.job_id, include=include, exclude=exclude)

    def provider_logs(self) -> str:
        """Return what it has printed for the provider of its function only.

        Raises:
            AccessError: You do not belong to the provider.
        """
        return self._client.provider_logs(self.job_id)

    def runtime_jobs(self, runtime_session: str | None = None) -> list[str]:
        """Return the ids of the QPU jobs it has started; of one session, if it is given."""
        return self._client.runtime_jobs(self.job_id, runtime_session)

    def runtime_sessions(self) -> list[str]:
        """Return the ids of the QPU sessions it has opened."""
        return self._client.runtime_sessions(self.job_id)

    def events(self, **filters: str | int | None) -> list[JobEvent]:
        """Return its history, newest first. ``type="ERROR"`` asks for the errors only."""
        return self._client.events(self.job_id, **filters)

    def cancel(self, service: Value = None) -> str:
        """End it, with all its tasks, and return what the gateway says to that.

        Args:
            service: The ``QiskitRuntimeService`` with which to end its QPU jobs, if it has any.
        """
        return self._client.stop(self.job_id, service=service)

    def stop(self, service: Value = None) -> str:
        """Do what `cancel` does."""
        warnings.warn("Job.stop() is called Job.cancel() now.", DeprecationWarning, stacklevel=2)
        return self.cancel(service)

    def error_message(self) -> str:
        """Return why it ended in ERROR, as text; empty if it did not."""
        return failure_text(self._cause()) if self.status() == "ERROR" else ""

    def _wait(self, cadence: float = 30, verbose: bool = False, timeout: float | None = None) -> str | None:
        """Wait for the end and return the last status."""
        status = None
        for update in self._client.watch(self.job_id, logs=False, cadence=cadence, timeout=timeout):
            status = update.status
            if verbose:
                _log.info("Job %s: %s", self.job_id, status)
        return status

    def _raise_without_result(self, status: str | None) -> None:
        if status == "CANCELED":
            raise JobCanceledError(
                f"Job {self.job_id} was cancelled, so it has no result. What it printed: job.logs()."
            )
        if status == "ERROR":
            cause = self._cause()
            raise JobFailedError(f"Job {self.job_id} failed.{failure_text(cause)}", self.job_id, cause)

    def _cause(self) -> dict[str, Any]:
        """Return why it failed: what the newest error event says, else what the log looks like."""
        return cause_from_events(self.events(type="ERROR")) or cause_from_log(self.logs())
