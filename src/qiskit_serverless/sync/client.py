# Made from aio/client.py by `make sdk`. Change it there.
"""The remote side: a client of one gateway."""

import warnings
from typing import Any
from urllib.parse import quote

from qiskit_serverless.artifacts import artifact_of
from qiskit_serverless.changes import WORTH_ASKING, changes_of
from qiskit_serverless.compute_profiles import ComputeProfile
from qiskit_serverless.connections import given
from qiskit_serverless.definitions import QiskitFunction, split_title
from qiskit_serverless.embedded import ensure_platform
from qiskit_serverless.exceptions import GatewayError
from qiskit_serverless.overview import Overview, overview
from qiskit_serverless.sync.function_calls import FunctionCalls
from qiskit_serverless.sync.functions import RunnableQiskitFunction

_CONFLICT = 409


class ServerlessClient(FunctionCalls):
    """A client of a gateway.

    ``ServerlessClient()`` finds the platform that runs on this machine; see `qiskit_serverless.platform.find_platform`.
    """

    @staticmethod
    def local() -> "ServerlessClient":
        """Return a client of this machine's platform, which is started when none runs on the home folder.

        The platform outlives this program; ``treadle down`` stops it. Use what is returned with ``with`` as well.

        Raises:
            PlatformNotFoundError: It cannot be started here; the message says why.
        """
        endpoint = ensure_platform()
        return ServerlessClient(endpoint.url, token=endpoint.token)

    @staticmethod
    def from_dict(dictionary: dict[str, Any]) -> "ServerlessClient":
        """Return a client of what `to_dict` returned, also of an older release's."""
        return ServerlessClient(**dictionary)

    def to_dict(self) -> dict[str, Any]:
        """Return what makes the same client again; it holds the token."""
        names = ("host", "version", "token", "instance", "channel")
        return {name: getattr(self, name) for name in names}

    def upload(self, program: QiskitFunction) -> RunnableQiskitFunction:
        """Upload a function; under a title you have, as its new version. Of a large one only files are sent that are new.

        Raises:
            InvalidFunctionError: The program does not exist or has a syntax error, or its folder cannot be packed.
            InvalidRequestError: The gateway does not accept it.
        """
        artifact = artifact_of(program)
        record = None
        if artifact is not None and len(artifact) >= WORTH_ASKING:
            record = self._upload_changes(program, artifact)
        if record is None:
            record = self._upload(program.as_form(), artifact)
        return self._runnable(record)

    def functions(self, provider: str | None = None, **filters: str | int | None) -> list[RunnableQiskitFunction]:
        """Return the functions you can run.

        Args:
            provider: Only those of this provider.
            **filters: ``filter="serverless"`` for your own, ``filter="catalog"`` for those of providers.
        """
        answer = self._transport.request("GET", self._path("programs"), params=given(provider=provider, **filters))
        return [self._runnable(function) for function in answer.json()]

    def function(
        self, title: str, provider: str | None = None, *, version: int | str | None = None
    ) -> RunnableQiskitFunction:
        """Return one function.

        Args:
            title: Its title, or ``provider/title``.
            provider: Its provider, None for your own.
            version: Number or label of the version that its jobs shall run, None for the current one.

        Raises:
            NotFoundError: There is no such function.
        """
        provider, title = split_title(title, provider)
        path = self._path(f"programs/get_by_title/{quote(title, safe='')}")
        answer = self._transport.request("GET", path, params=given(provider=provider))
        function = self._runnable(answer.json())
        return function if version is None else function.at(version)

    def dependencies_versions(self) -> list[str]:
        """Return the requirements from which the operator lets functions choose; empty if any may be named."""
        answer = self._transport.request("GET", self._path("dependencies-versions"))
        allowed: list[str] = answer.json()
        return allowed

    def compute_profiles(self) -> list[ComputeProfile]:
        """Return the compute profiles that runs may ask for; empty if every job has the same budget."""
        answer = self._transport.request("GET", self._path("compute-profiles"))
        return [ComputeProfile.from_json(each) for each in answer.json()]

    def widget(self) -> Overview:
        """Return an overview of functions and newest jobs, which a notebook shows as tables."""
        functions = self.functions()
        return overview(functions, self.jobs())

    def list(self, provider: str | None = None, **filters: str | int | None) -> list[RunnableQiskitFunction]:
        """Do what `functions` does."""
        warnings.warn("list() is called functions() now.", DeprecationWarning, stacklevel=2)
        return self.functions(provider, **filters)

    def get(self, title: str, provider: str | None = None) -> RunnableQiskitFunction:
        """Do what `function` does."""
        warnings.warn("get() is called function() now.", DeprecationWarning, stacklevel=2)
        return self.function(title, provider)

    def _upload_changes(self, program: QiskitFunction, artifact: bytes) -> dict[str, Any] | None:
        """Upload what the gateway's current version lacks; None if the artifact has to be sent in whole."""
        manifest = self._current_files(program)
        changes = changes_of(artifact, manifest) if manifest is not None else None
        if changes is None:
            return None
        try:
            return self._upload({**program.as_form(), **changes.form}, changes.artifact)
        except GatewayError as error:
            if error.status_code != _CONFLICT:
                raise
            return None  # it has lost what it told of, for instance

    def _upload(self, form: dict[str, str], artifact: bytes | None) -> dict[str, Any]:
        files = {"artifact": ("artifact.tar", artifact)} if artifact is not None else None
        answer = self._transport.request("POST", self._path("programs/upload"), data=form, files=files)
        record: dict[str, Any] = answer.json()
        return record

    def _runnable(self, record: dict[str, Any]) -> RunnableQiskitFunction:
        return RunnableQiskitFunction.from_json({**record, "client": self})
