"""What can be asked of a gateway about a job, by the job's id."""

import tempfile
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, BinaryIO

import anyio

from qiskit_serverless.aio.connection import AsyncConnection
from qiskit_serverless.aio.transport import paused
from qiskit_serverless.aio.watching import AsyncJobWatch
from qiskit_serverless.connections import timeout_seconds
from qiskit_serverless.encodings import CONTAINED, ENCODING_HEADER, LOCATED, LOCATION_HEADER, LOCATION_TYPE
from qiskit_serverless.exceptions import GatewayConnectionError, GatewayUnavailableError
from qiskit_serverless.object_store import ObjectStoreError, download
from qiskit_serverless.records import JobEvent, JobUpdate, RuntimeJob, filtered_lines
from qiskit_serverless.serialization import dumps, loads
from qiskit_serverless.serialization.container import MEDIA_TYPE
from qiskit_serverless.serialization.tags import Value
from qiskit_serverless.serialization.unpacking import load_container
from qiskit_serverless.versions import VersionName

if TYPE_CHECKING:
    import httpx2

_NO_CONTENT = 204


class AsyncJobCalls(AsyncConnection):
    """A connection that knows jobs by their ids."""

    async def get_job_data(self, job_id: str) -> dict[str, Any]:
        """Return the gateway's record of a job."""
        answer = await self._transport.request("GET", self._job_path(job_id), params={"with_result": "false"})
        record: dict[str, Any] = answer.json()
        return record

    async def function_version(self, job_id: str) -> VersionName:
        """Return how the version of its function is called that a job runs or ran.

        Raises:
            NotFoundError: There is no such job, or the gateway does not tell.
        """
        answer = await self._transport.request("GET", self._job_path(job_id, "version"))
        record = answer.json()
        return VersionName(record["number"], record["version"])

    async def status(self, job_id: str) -> str:
        """Return how a job stands, by the gateway's names; a running job by its stage, if it has one."""
        record = await self.get_job_data(job_id)
        stage = record.get("sub_status") if record["status"] == "RUNNING" else None
        return str(stage or record["status"])

    def watch(
        self,
        job_id: str,
        *,
        logs: bool = True,
        provider_logs: bool = False,
        cadence: float = 30.0,
        timeout: float | None = None,
    ) -> AsyncIterator[JobUpdate]:
        """Yield what happens to a job until its end; see `AsyncJob.follow`.

        Args:
            job_id: The job.
            logs: Whether to yield what it prints.
            provider_logs: Whether to yield what it prints for the provider of its function instead.
            cadence: Longest pause between two questions to a gateway that cannot stream, in seconds.
            timeout: Seconds after which to give up, None for never.
        """
        path = self._job_path(job_id)
        read, name = (self.provider_logs, "provider_logs") if provider_logs else (self.logs, "logs")
        read_log = (lambda: read(job_id)) if logs or provider_logs else None
        return AsyncJobWatch(self._transport, path, read_log, cadence, timeout, log_name=name).updates()

    async def result(self, job_id: str) -> Value:
        """Return what a job has saved; ``{}`` if it has saved nothing."""
        pauses = self._transport.patience.pauses()
        while True:
            try:
                return await self._fetch_result(job_id)
            except (GatewayConnectionError, GatewayUnavailableError):
                if not await paused(pauses):
                    raise

    async def _fetch_result(self, job_id: str) -> Value:
        """Return what a job has saved. A container goes to a file that has no name, which its large arrays are views of."""
        with tempfile.TemporaryFile() as file:
            path, headers = self._job_path(job_id, "result"), {ENCODING_HEADER: CONTAINED}
            if self._reaches_objects:
                headers[LOCATION_HEADER] = LOCATED
            async with self._transport.content(path, {}, headers, timeout_seconds()) as answer:
                kind = answer.headers.get("Content-Type")
                if kind != MEDIA_TYPE:
                    await answer.aread()
                    return (
                        await self._located(job_id, answer.json(), file) if kind == LOCATION_TYPE else _loaded(answer)
                    )
                async for block in answer.aiter_bytes():
                    file.write(block)
                file.flush()
                return load_container(file.fileno())

    async def _located(self, job_id: str, location: dict[str, Any], file: BinaryIO) -> Value:
        """Return what a job has saved and lies in the platform's object store; by the gateway if we cannot reach that."""
        url, size = location["url"], location["size"]
        try:
            is_wanted = anyio.from_thread.check_cancelled  # async only
            kind = await anyio.to_thread.run_sync(download, url, size, file, is_wanted)  # async only
            # sync only: kind = download(url, size, file)
        except ObjectStoreError:
            self._reaches_objects = False
            return await self._fetch_result(job_id)
        file.flush()
        if kind == MEDIA_TYPE:
            return load_container(file.fileno())
        file.seek(0)
        return loads(file.read().decode())

    async def raw_result(self, job_id: str) -> str:
        """Return what a job has saved, as JSON text; ``{}`` if it has saved nothing."""
        answer = await self._transport.request("GET", self._job_path(job_id, "result"))
        return _result_text(answer)

    async def logs(self, job_id: str) -> str:
        """Return what a job has printed so far."""
        answer = await self._transport.request("GET", self._job_path(job_id, "logs"))
        return "" if answer.status_code == _NO_CONTENT else str(answer.json()["logs"])

    async def filtered_logs(self, job_id: str, *, include: str | None = None, exclude: str | None = None) -> str:
        """Return the lines that a job has printed and that match; see `qiskit_serverless.records.filtered_lines`."""
        return filtered_lines(await self.logs(job_id), include, exclude)

    async def provider_logs(self, job_id: str) -> str:
        """Return what a job has printed for the provider of its function only.

        Raises:
            AccessError: You do not belong to the provider.
        """
        answer = await self._transport.request("GET", self._job_path(job_id, "provider-logs"))
        return "" if answer.status_code == _NO_CONTENT else str(answer.json()["logs"])

    async def runtime_jobs(self, job_id: str, runtime_session: str | None = None) -> list[str]:
        """Return the ids of the QPU jobs that a job has started; of one session, if it is given."""
        started = await self._runtime_jobs(job_id)
        return [each.runtime_job for each in started if runtime_session in (None, each.runtime_session)]

    async def runtime_sessions(self, job_id: str) -> list[str]:
        """Return the ids of the QPU sessions that a job has opened."""
        started = await self._runtime_jobs(job_id)
        return sorted({each.runtime_session for each in started if each.runtime_session})

    async def _runtime_jobs(self, job_id: str) -> list[RuntimeJob]:
        answer = await self._transport.request("GET", self._job_path(job_id, "runtime_jobs"))
        return [RuntimeJob.from_json(each) for each in answer.json()["runtime_jobs"]]

    async def events(self, job_id: str, **filters: str | int | None) -> list[JobEvent]:
        """Return the history of a job, newest first. ``type="ERROR"`` asks for the errors only."""
        answer = await self._transport.request("GET", self._job_path(job_id, "events"), params=filters)
        return [JobEvent.from_json(event) for event in answer.json()]

    async def stop(self, job_id: str, service: Value = None) -> str:
        """End a job and return what the gateway says to that.

        Args:
            job_id: The job.
            service: The ``QiskitRuntimeService`` with which to end its QPU jobs, if it has any.
        """
        body = {} if service is None else {"service": dumps(service, "service", "sent")}
        answer = await self._transport.request("POST", self._job_path(job_id, "stop"), json=body)
        return str(answer.json()["message"])


def _loaded(answer: "httpx2.Response") -> Value:
    return loads(_result_text(answer))


def _result_text(answer: "httpx2.Response") -> str:
    text = None if answer.status_code == _NO_CONTENT else answer.json()["result"]
    return text or "{}"
