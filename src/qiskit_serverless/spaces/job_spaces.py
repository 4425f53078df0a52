"""The spaces of a job in a folder of the machine where a process of the job runs."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qiskit_serverless.spaces import known
from qiskit_serverless.spaces.bringing import Bringing
from qiskit_serverless.spaces.cache import ContentCache
from qiskit_serverless.spaces.delivery import Delivery
from qiskit_serverless.spaces.errors import FilesError
from qiskit_serverless.spaces.gateway import FilesGateway
from qiskit_serverless.spaces.variables import await_look, forget_looks

DESCRIPTION = "TREADLE_SPACES"
"""The environment variable of a program that tells other processes of its job how to get at its files."""

_USER, _PROVIDER = "user", "provider"
_DATA, _FUNCTION_DATA = "DATA_PATH", "FUNCTION_DATA_PATH"


@dataclass(frozen=True)
class JobSpaces:
    """The spaces of a job on one machine. Its processes there share them.

    Attributes:
        gateway: The job's way to its files.
        folder: A folder of this machine for this job alone; made when it is needed, and removed by whoever chose it.
        cache: Where this machine keeps contents of large files for all jobs; None for nowhere.
        has_function_space: Whether the function's provider keeps files for it, at ``FUNCTION_DATA_PATH``. Without,
            that is the user's folder too.
    """

    gateway: FilesGateway
    folder: Path
    cache: Path | None
    has_function_space: bool

    @classmethod
    def of(cls, variables: Mapping[str, str], folder: Path) -> "JobSpaces | None":
        """Return the spaces of the job whose program has these environment variables; None where it shares the platform's folder.

        Args:
            variables: The environment variables of the program.
            folder: A folder of this machine for this job alone.
        """
        if DESCRIPTION not in variables:
            return None
        fields: dict[str, Any] = json.loads(variables[DESCRIPTION])
        host, job_id = variables["ENV_JOB_GATEWAY_HOST"], variables["ENV_JOB_ID_GATEWAY"]
        gateway = FilesGateway(host, job_id, fields["attempt"], variables["ENV_JOB_GATEWAY_TOKEN"])
        return cls(gateway, folder, Path(fields["cache"]), fields["has_function_space"])

    def description(self) -> str:
        """Return the value of the variable that `of` reads."""
        fields = {"attempt": self.gateway.attempt, "has_function_space": self.has_function_space}
        return json.dumps({**fields, "cache": str(self.cache), "folder": str(self.folder)})

    def attach(self) -> None:
        """Let this process find its files: they are brought when it first looks at ``DATA_PATH`` or ``FUNCTION_DATA_PATH``."""
        user = self._copy(_USER)
        await_look(_DATA, str(user.files), user.bring)
        provider = self._copy(_PROVIDER) if self.has_function_space else user
        await_look(_FUNCTION_DATA, str(provider.files), provider.bring)

    def detach(self) -> None:
        """Undo `attach`, so that the process can serve another job."""
        forget_looks(_DATA, _FUNCTION_DATA)

    def bring(self) -> None:
        """Bring the files now, unless a process of the job has done so on this machine.

        Raises:
            FilesError: The gateway refuses.
            OSError: There is no room for them.
        """
        for copy in self._copies():
            copy.bring()

    @property
    def data_path(self) -> Path:
        """The folder at ``DATA_PATH``, whether or not its files were brought."""
        return self._copy(_USER).files

    @property
    def looked_at(self) -> bool:
        """Whether a process of the job has looked at its files, so that there may be something to deliver."""
        return any(copy.is_there for copy in self._copies())

    def deliver(self, *, while_running: bool = False) -> None:
        """Send what has changed since it was brought or sent.

        Args:
            while_running: Whether programs still work on the files: what they have just written, or have open, is left for later.

        Raises:
            FilesError: The gateway refuses something, or the folder cannot be read.
        """
        for copy in self._copies():
            copy.deliver(while_running=while_running)

    def _copies(self) -> list["_SpaceCopy"]:
        return [self._copy(name) for name in ((_USER, _PROVIDER) if self.has_function_space else (_USER,))]

    def _copy(self, name: str) -> "_SpaceCopy":
        cache = ContentCache(self.cache) if self.cache is not None else None
        return _SpaceCopy(self.gateway, name, self.folder / name, cache)


class _SpaceCopy:
    """The copy of one space."""

    def __init__(self, gateway: FilesGateway, name: str, folder: Path, cache: ContentCache | None) -> None:
        self._gateway = gateway
        self._name = name
        self._folder = folder
        self._cache = cache
        self._known = folder / "known.json"
        self.files = folder / "files"

    @property
    def is_there(self) -> bool:
        """Whether its files were brought."""
        return self._known.exists()

    def bring(self) -> None:
        """Bring its files, unless another process has done so. What one that was killed has begun is begun again."""
        with self._locked():
            if self.is_there:
                return
            if self.files.exists():
                shutil.rmtree(self.files)
            self.files.mkdir(mode=0o700)
            known.save(self._known, Bringing(self._gateway, self._name, self.files, self._cache).run())

    def deliver(self, *, while_running: bool) -> None:
        """Send what has changed.

        Raises:
            FilesError: The gateway refuses something, or the folder cannot be read.
        """
        if not self.is_there:
            return
        with self._locked():
            try:
                files = known.load(self._known) or {}
                before = dict(files)
                try:
                    Delivery(self._gateway, self._name, self.files, files, while_running=while_running).run()
                finally:
                    if files != before:
                        with contextlib.suppress(
                            OSError
                        ):  # a full disk: what is not noted is sent again, which is harmless
                            known.save(self._known, files)
            except (OSError, ValueError) as error:
                raise FilesError(f"The folder of the job's files cannot be read: {error}") from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
