# Made from aio/function_calls.py by `make sdk`. Change it there.
"""What can be asked of a gateway about a function, and the jobs that come of it."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from qiskit_serverless.connections import given
from qiskit_serverless.definitions import QiskitFunction, split_title
from qiskit_serverless.encodings import IDEMPOTENCY_HEADER, LARGE, UPLOADED_TYPE
from qiskit_serverless.exceptions import InvalidArgumentError
from qiskit_serverless.object_store import ObjectStoreError, UploadOffer, upload
from qiskit_serverless.sending import Pieces, new_key
from qiskit_serverless.serialization import dumps
from qiskit_serverless.serialization.compression import Buffer
from qiskit_serverless.serialization.container import MEDIA_TYPE, is_container
from qiskit_serverless.serialization.packing import pack
from qiskit_serverless.serialization.tags import Value
from qiskit_serverless.statuses import on_the_wire
from qiskit_serverless.sync.file_calls import FileCalls
from qiskit_serverless.sync.job_calls import JobCalls
from qiskit_serverless.sync.jobs import Job
from qiskit_serverless.sync.version_calls import VersionCalls


class FunctionCalls(JobCalls, FileCalls, VersionCalls):
    """A connection that runs functions, lists their jobs, keeps their files and knows their versions."""

    def run(
        self,
        program: QiskitFunction | str,
        arguments: Mapping[str, Any] | None = None,
        config: Value = None,
        provider: str | None = None,
        *,
        compute_profile: str | None = None,
        function_size: str | None = None,
        version: int | str | None = None,
    ) -> Job:
        """Run a function.

        Args:
            program: The function, or its title.
            arguments: What the program gets from ``get_arguments()``.
            config: For gateways that scale workers: a dictionary or dataclass of their settings.
            provider: Provider of a function that is named by its title.
            compute_profile: For gateways that offer several.
            function_size: One of the sizes that the function declares.
            version: Number or label of the version to run, None for the current one.

        Raises:
            SerializationError: An argument cannot be sent; the message names its place.
            NotFoundError: There is no such function.
            LimitError: You have too many jobs that have not ended.
        """
        named = program if isinstance(program, QiskitFunction) else QiskitFunction(program, provider)
        fields = {
            "title": named.title,
            "provider": named.provider,
            "config": asdict(config) if is_dataclass(config) and not isinstance(config, type) else dict(config or {}),
            "compute_profile": compute_profile,
            **given(function_size=function_size, version=version),
        }
        return self._job(self._submit(fields, dict(arguments or {})))

    def _submit(self, fields: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
        """Submit a job. Arguments that make a container are the body, and the other fields then stand in the query.

        Gateways of ours know by the key that a request is the same again, which so may be repeated.
        """
        path, root, verb = self._path("programs/run"), "arguments", "sent"
        packed = pack if self._takes_containers else _as_json
        again: dict[str, Any] = {}
        if self._takes_containers:
            again = {"headers": {IDEMPOTENCY_HEADER: new_key()}, "repeatable": True}
        pieces = packed(arguments, root, verb)
        if is_container(pieces[0]):
            query = given(**{**fields, "config": json.dumps(fields["config"]) if fields["config"] else None})
            content = self._uploaded(Pieces(pieces, MEDIA_TYPE), again)
            answer = self._transport.request("POST", path, params=query, content=content, **again)
        else:
            body = {**fields, "arguments": bytes(pieces[0]).decode()}
            answer = self._transport.request("POST", path, json=body, **again)
        record: dict[str, Any] = answer.json()
        return record

    def _uploaded(self, arguments: Pieces, again: dict[str, Any]) -> Pieces:
        """Put large arguments into the platform's object store, if we can reach it. Returns what to send to the gateway."""
        if arguments.size < LARGE or not (self._takes_uploads and self._reaches_objects):
            return arguments
        asked = {"size": arguments.size}
        answer = self._transport.request("POST", self._path("programs/run/upload"), json=asked, **again)
        offer = UploadOffer.from_json(answer.json())
        size = arguments.size
        try:
            told = upload(offer, size, arguments.read)
        except ObjectStoreError:
            self._reaches_objects = False
            return arguments
        return Pieces([json.dumps(told).encode()], UPLOADED_TYPE)

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
        query = _job_query(function, limit=limit, offset=offset, status=status, created_after=created_after, **filters)
        return self._jobs("jobs", query)

    def provider_jobs(
        self,
        function: QiskitFunction | str,
        *,
        limit: int = 10,
        offset: int = 0,
        status: str | None = None,
        created_after: str | None = None,
        **filters: Value,
    ) -> list[Job]:
        """Return everybody's jobs of a provider's function, newest first. For the filters see `jobs`.

        Raises:
            InvalidArgumentError: The function has no provider.
            NotFoundError: You do not belong to the provider.
        """
        named = QiskitFunction(function) if isinstance(function, str) else function
        if not named.provider:
            raise InvalidArgumentError(f"Function {named.title!r} has no provider. Name it provider/title.")
        query = _job_query(named, limit=limit, offset=offset, status=status, created_after=created_after, **filters)
        return self._jobs("jobs/provider", query)

    def validate_arguments(
        self, title: str, arguments: Mapping[str, Any] | None = None, provider: str | None = None
    ) -> dict[str, Any]:
        """See whether a function accepts arguments, without running it.

        Args:
            title: Title of the function, or ``provider/title``.
            arguments: The arguments.
            provider: Its provider, None for your own.

        Returns:
            ``{"valid": True}``

        Raises:
            InvalidRequestError: It does not accept them; the message says why.
            NotFoundError: There is no such function.
        """
        provider, title = split_title(title, provider)
        text = dumps(dict(arguments or {}), "arguments", "sent")
        body = {"title": title, "provider": provider, "arguments": text}
        answer = self._transport.request("POST", self._path("programs/validate_arguments"), json=body)
        found: dict[str, Any] = answer.json()
        return found

    def job(self, job_id: str) -> Job:
        """Return one of your jobs.

        Raises:
            NotFoundError: There is no such job.
        """
        return self._job(self.get_job_data(job_id))

    def get_jobs(self, **filters: Value) -> list[Job]:
        """Do what `jobs` does."""
        warnings.warn("get_jobs() is called jobs() now.", DeprecationWarning, stacklevel=2)
        return self.jobs(**filters)

    def get_job_by_id(self, job_id: str) -> Job:
        """Do what `job` does."""
        warnings.warn("get_job_by_id() is called job() now.", DeprecationWarning, stacklevel=2)
        return self.job(job_id)

    def _jobs(self, path: str, query: dict[str, Any]) -> list[Job]:
        answer = self._transport.request("GET", self._path(path), params=query)
        return [self._job(record) for record in answer.json()["results"]]

    def _job(self, record: dict[str, Any]) -> Job:
        return Job(record["id"], self, record, record.get("compute_profile"))


def _job_query(function: QiskitFunction | str | None, *, status: str | None, **filters: Value) -> dict[str, Any]:
    named = QiskitFunction(function) if isinstance(function, str) else function
    whose = {"function": named.title, "provider": named.provider} if named else {}
    return given(status=on_the_wire(status) if status else None, **whose, **filters)


def _as_json(value: Value, root: str, verb: str) -> list[Buffer]:
    return [dumps(value, root, verb).encode()]
