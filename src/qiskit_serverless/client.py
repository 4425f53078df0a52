"""The remote side: a client of one gateway."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from qiskit_serverless.artifacts import pack
from qiskit_serverless.exceptions import AccessError, InvalidArgumentError, InvalidFunctionError
from qiskit_serverless.functions import QiskitFunction, RunnableQiskitFunction, split_title
from qiskit_serverless.jobs import Job, JobEvent
from qiskit_serverless.platform import find_platform
from qiskit_serverless.serialization import dumps, loads
from qiskit_serverless.serialization.tags import Value
from qiskit_serverless.statuses import on_the_wire
from qiskit_serverless.transport import Transport
from qiskit_serverless.watching import JobUpdate, JobWatch

if TYPE_CHECKING:
    import httpx2

_VERSION = "v1"
_CHANNELS = ("ibm_quantum_platform", "ibm_cloud", "local")
_NO_CONTENT = 204


class ServerlessClient:
    """A client of a gateway. Threads may share it.

    ``ServerlessClient()`` finds the platform that runs on this machine; see `qiskit_serverless.platform.find_platform`.

    Attributes:
        host: Base URL of the gateway.
        version: Version of its interface.
        token: The bearer token it lets us in with.
        instance: IBM Cloud CRN, None without.
        channel: How the gateway shall check the token, None for its default.
    """

    def __init__(
        self,
        host: str | None = None,
        version: str | None = None,
        token: str | None = None,
        instance: str | None = None,
        channel: str | None = None,
        *,
        transport: "httpx2.BaseTransport | None" = None,
    ) -> None:
        """Connect, and see that the token is good.

        Args:
            host: Base URL of the gateway, found by itself if left out.
            version: Version of its interface.
            token: Bearer token, found by itself if left out.
            instance: IBM Cloud CRN, for gateways that ask for one.
            channel: ``ibm_quantum_platform``, ``ibm_cloud`` or ``local``.
            transport: For tests: what sends the requests instead of a pool of connections.

        Raises:
            PlatformNotFoundError: There is no host, or no token for it.
            InvalidArgumentError: The host is not a URL, or the channel is unknown.
            GatewayConnectionError: No gateway answers there.
            AccessError: The token is not good.
        """
        if channel is not None and channel not in _CHANNELS:
            raise InvalidArgumentError(f"The channel is one of {', '.join(_CHANNELS)}, not {channel!r}.")
        endpoint = find_platform(host, token)
        self.host = endpoint.url
        self.token = endpoint.token
        self.version = version or _VERSION
        self.instance = instance
        self.channel = channel
        self._transport = Transport(self.host, self._headers(), underlying=transport)
        self._verify()

    def __repr__(self) -> str:
        return f"<ServerlessClient | {self.host}>"

    def __enter__(self) -> "ServerlessClient":
        """Return the client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections. A client that is no longer referred to does so by itself."""
        self._transport.close()

    # Functions

    def upload(self, program: QiskitFunction) -> RunnableQiskitFunction:
        """Upload a function; under a title you have, as its new version.

        Raises:
            InvalidFunctionError: The program does not exist or has a syntax error, or its folder cannot be packed.
            InvalidRequestError: The gateway does not accept it.
        """
        fields = {
            "title": program.title,
            "provider": program.provider,
            "entrypoint": program.entrypoint,
            "image": program.image,
            "runner": program.runner,
            "type": program.type,
            "arguments": "{}",
            "dependencies": json.dumps(program.dependencies or []),
            "env_vars": json.dumps(program.env_vars or {}),
            "description": program.description,
            "version": program.version,
            "arguments_schema": None if program.arguments_schema is None else json.dumps(program.arguments_schema),
        }
        given = {name: value for name, value in fields.items() if value is not None}
        answer = self._transport.request("POST", self._path("programs/upload"), data=given, files=_artifact(program))
        return self._runnable(answer.json())

    def functions(self, **filters: str | int | None) -> list[RunnableQiskitFunction]:
        """Return the functions you can run.

        Args:
            **filters: ``filter="serverless"`` for your own, ``filter="catalog"`` for those of providers.
        """
        answer = self._transport.request("GET", self._path("programs"), params=filters)
        return [self._runnable(function) for function in answer.json()]

    def function(self, title: str, provider: str | None = None) -> RunnableQiskitFunction:
        """Return one function.

        Args:
            title: Its title, or ``provider/title``.
            provider: Its provider, None for your own.

        Raises:
            NotFoundError: There is no such function.
        """
        provider, title = split_title(title, provider)
        path = self._path(f"programs/get_by_title/{quote(title, safe='')}")
        answer = self._transport.request("GET", path, params=_given(provider=provider))
        return self._runnable(answer.json())

    def run(
        self,
        program: QiskitFunction | str,
        arguments: Mapping[str, Any] | None = None,
        config: Value = None,
        provider: str | None = None,
        *,
        compute_profile: str | None = None,
    ) -> Job:
        """Run a function.

        Args:
            program: The function, or its title.
            arguments: What the program gets from ``get_arguments()``.
            config: For gateways that scale workers: a dictionary or dataclass of their settings.
            provider: Provider of a function that is named by its title.
            compute_profile: For gateways that offer several.

        Raises:
            SerializationError: An argument cannot be sent; the message names its place.
            NotFoundError: There is no such function.
            LimitError: You have too many jobs that have not ended.
        """
        named = program if isinstance(program, QiskitFunction) else QiskitFunction(program, provider)
        body = {
            "title": named.title,
            "provider": named.provider,
            "arguments": dumps(dict(arguments or {}), "arguments", "sent"),
            "config": asdict(config) if is_dataclass(config) and not isinstance(config, type) else dict(config or {}),
            "compute_profile": compute_profile,
        }
        record = self._transport.request("POST", self._path("programs/run"), json=body).json()
        return Job(record["id"], self, record, record.get("compute_profile"))

    # Jobs

    def jobs(
        self,
        function: QiskitFunction | str | None = None,
        *,
        limit: int = 10,
        offset: int = 0,
        status: str | None = None,
        created_after: str | None = None,
        **filters: Value,
    ) -> list[Job]:
        """Return your jobs, newest first.

        Args:
            function: Only jobs of this function, or of this title.
            limit: At most this many; 0 for all.
            offset: Leave out this many of the newest.
            status: Only jobs with this status, e.g. ``DONE``.
            created_after: Only jobs made at this time or later, ISO 8601 text.
            **filters: Further filters of the gateway.
        """
        named = QiskitFunction(function) if isinstance(function, str) else function
        query = _given(
            limit=limit,
            offset=offset,
            status=on_the_wire(status) if status else None,
            created_after=created_after,
            function=named and named.title,
            provider=named and named.provider,
            **filters,
        )
        records = self._transport.request("GET", self._path("jobs"), params=query).json()["results"]
        return [Job(record["id"], self, record, record.get("compute_profile")) for record in records]

    def job(self, job_id: str) -> Job:
        """Return one of your jobs.

        Raises:
            NotFoundError: There is no such job.
        """
        record = self.get_job_data(job_id)
        return Job(record["id"], self, record, record.get("compute_profile"))

    def get_job_data(self, job_id: str) -> dict[str, Any]:
        """Return the gateway's record of a job."""
        answer = self._transport.request("GET", self._job_path(job_id), params={"with_result": "false"})
        record: dict[str, Any] = answer.json()
        return record

    def status(self, job_id: str) -> str:
        """Return how a job stands, by the gateway's names; a running job by its stage, if it has one."""
        record = self.get_job_data(job_id)
        stage = record.get("sub_status") if record["status"] == Job.RUNNING else None
        return str(stage or record["status"])

    def watch(
        self, job_id: str, *, logs: bool = True, cadence: float = 30.0, timeout: float | None = None
    ) -> Iterator[JobUpdate]:
        """Yield what happens to a job until its end; see `Job.follow`.

        Args:
            job_id: The job.
            logs: Whether to yield what it prints.
            cadence: Longest pause between two questions to a gateway that cannot stream, in seconds.
            timeout: Seconds after which to give up, None for never.
        """
        read_log = (lambda: self.logs(job_id)) if logs else None
        return JobWatch(self._transport, self._job_path(job_id), read_log, cadence, timeout).updates()

    def result(self, job_id: str) -> Value:
        """Return what a job has saved; ``{}`` if it has saved nothing."""
        return loads(self.raw_result(job_id))

    def raw_result(self, job_id: str) -> str:
        """Return what a job has saved, as JSON text; ``{}`` if it has saved nothing."""
        answer = self._transport.request("GET", self._job_path(job_id, "result"))
        text = None if answer.status_code == _NO_CONTENT else answer.json()["result"]
        return text or "{}"

    def logs(self, job_id: str) -> str:
        """Return what a job has printed so far."""
        answer = self._transport.request("GET", self._job_path(job_id, "logs"))
        return "" if answer.status_code == _NO_CONTENT else str(answer.json()["logs"])

    def events(self, job_id: str, **filters: str | int | None) -> list[JobEvent]:
        """Return the history of a job, newest first. ``type="ERROR"`` asks for the errors only."""
        answer = self._transport.request("GET", self._job_path(job_id, "events"), params=filters)
        return [JobEvent.from_json(event) for event in answer.json()]

    def stop(self, job_id: str, service: Value = None) -> str:
        """End a job and return what the gateway says to that.

        Args:
            job_id: The job.
            service: The ``QiskitRuntimeService`` with which to end its QPU jobs, if it has any.
        """
        body = {} if service is None else {"service": dumps(service, "service", "sent")}
        answer = self._transport.request("POST", self._job_path(job_id, "stop"), json=body)
        return str(answer.json()["message"])

    def _headers(self) -> dict[str, str]:
        optional = {"Service-Channel": self.channel, "Service-CRN": self.instance}
        return {"Authorization": f"Bearer {self.token}", "Treadle-Encoding": "1", **_given(**optional)}

    def _verify(self) -> None:
        """See that the gateway answers and lets us in. Who has no platform shall hear of it at once, so it is asked once."""
        try:
            self._transport.request("GET", "/api/v1/programs/", patient=False)
        except AccessError as error:
            text = f"Credentials couldn't be verified: {error}"
            raise AccessError(text, error.status_code, error.details) from error

    def _path(self, rest: str) -> str:
        return f"/api/{self.version}/{rest}/"

    def _job_path(self, job_id: str, part: str = "") -> str:
        return self._path(f"jobs/{quote(job_id, safe='')}{f'/{part}' if part else ''}")

    def _runnable(self, record: dict[str, Any]) -> RunnableQiskitFunction:
        return RunnableQiskitFunction.from_json({**record, "client": self})


def _given(**values: Value) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _artifact(program: QiskitFunction) -> dict[str, tuple[str, bytes]] | None:
    if program.image is not None:
        return None
    if program.entrypoint is None:
        raise InvalidFunctionError(f"Function {program.title!r} has neither an entrypoint nor an image.")
    return {"artifact": ("artifact.tar", pack(program.working_dir or "./", program.entrypoint))}
