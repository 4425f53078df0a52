"""Functions on a platform, ready to run."""

import copy
import warnings
from collections.abc import Mapping
from typing import Any

from qiskit_serverless.aio.data import AsyncData
from qiskit_serverless.aio.function_calls import AsyncFunctionCalls
from qiskit_serverless.aio.jobs import AsyncJob
from qiskit_serverless.definitions import QiskitFunction, known_fields
from qiskit_serverless.records import FunctionEnvironment
from qiskit_serverless.serialization.tags import Value
from qiskit_serverless.versions import FunctionVersion, VersionDifference


class AsyncRunnableQiskitFunction(QiskitFunction):
    """A function on a platform, ready to run."""

    def __init__(self, client: AsyncFunctionCalls, **attributes: Value) -> None:
        """Bind a function to the client that runs it.

        Args:
            client: The client.
            **attributes: Those of `QiskitFunction`.
        """
        super().__init__(**attributes)
        self._client = client
        self._version_to_run: int | str | None = None

    def __repr__(self) -> str:
        return str(self) if self._version_to_run is None else f"{self} at version {self._version_to_run}"

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "AsyncRunnableQiskitFunction":
        """Return the function that the gateway describes; the client stands under ``client``."""
        return cls(data["client"], **known_fields(data))

    @property
    def data(self) -> AsyncData:
        """Your files for it."""
        return self._client.data(self)

    @property
    def provider_data(self) -> AsyncData:
        """The files that its provider keeps for it, for those who look after it."""
        return self._client.provider_data(self)

    async def run(
        self,
        /,
        *,
        config: Value = None,
        compute_profile: str | None = None,
        function_size: str | None = None,
        **arguments: Value,
    ) -> AsyncJob:
        """Run it.

        Args:
            config: For gateways that scale workers.
            compute_profile: For gateways that offer several.
            function_size: One of its `sizes`.
            **arguments: What the program gets from ``get_arguments()``.

        Raises:
            SerializationError: An argument cannot be sent; the message names its place.
            GatewayError: The gateway refused.
        """
        return await self._client.run(
            self,
            arguments,
            config,
            compute_profile=compute_profile,
            function_size=function_size,
            version=self._version_to_run,
        )

    def at(self, version: int | str) -> "AsyncRunnableQiskitFunction":
        """Return the function with jobs that run one of its versions: ``function.at(3).run(...)``.

        What it tells of itself stays what the current version has; `versions` tells of the others. Whether there is such a
        version is seen when it is run.

        Args:
            version: Number of the version, or its author's label.
        """
        pinned = copy.copy(self)
        pinned._version_to_run = version
        return pinned

    async def versions(self) -> list[FunctionVersion]:
        """Return all its versions, the newest first.

        Raises:
            NotFoundError: Its code is not yours to see.
        """
        return await self._client.versions(self)

    async def roll_back(self, version: int | str) -> FunctionVersion:
        """Let new jobs run an older version again. Jobs that are there keep theirs.

        Args:
            version: Number of the version, or its author's label.

        Raises:
            NotFoundError: There is no such version, or its code is not yours to change.
        """
        return await self._client.roll_back(self, version)

    async def diff(self, old: int | str, new: int | str = "current") -> VersionDifference:
        """Return what is different between two versions; ``print`` shows it as a unified diff.

        Args:
            old: Number or label of the one version.
            new: Number or label of the other, or ``current``.

        Raises:
            NotFoundError: There is no such version, or its code is not yours to see.
        """
        return await self._client.version_difference(self, old, new)

    async def environment(self) -> FunctionEnvironment:
        """Return the Python environment its jobs run in, with the log of its last build.

        Raises:
            NotFoundError: Its code is not yours to see.
        """
        return await self._client.environment(self, self._version_to_run or "current")

    async def jobs(self, **filters: Value) -> list[AsyncJob]:
        """Return its jobs, newest first; for the filters see `AsyncServerlessClient.jobs`."""
        return await self._client.jobs(self, **filters)

    async def get_jobs(self) -> list[AsyncJob]:
        """Do what `jobs` does."""
        warnings.warn("get_jobs() is called jobs() now.", DeprecationWarning, stacklevel=2)
        return await self.jobs()

    async def validate_arguments(self, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """See whether it accepts arguments, without running it.

        Returns:
            ``{"valid": True}``

        Raises:
            InvalidRequestError: It does not accept them; the message says why.
        """
        return await self._client.validate_arguments(self.title, arguments, self.provider)

    def sizes(self) -> dict[str, str]:
        """Return the sizes it can be run at: compute profile by label. Empty if it has none."""
        return self.sizes_map or {}

    def get_default_size(self) -> str | None:
        """Return the size of a run that names none, None if it does not say."""
        return self.default_size
