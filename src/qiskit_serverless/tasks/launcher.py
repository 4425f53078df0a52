"""The program's side of the fork server: the one of the supervisor or, outside the platform, one of its own."""

import array
import contextlib
import json
import os
import socket
import subprocess
import sys
from typing import Any, Protocol

from qiskit_serverless.tasks.errors import WorkersUnavailableError
from qiskit_serverless.tasks.messages import pair

_VARIABLE = "TREADLE_WORKERS_FD"
_PRELOADED = frozenset({"numpy", "scipy", "rustworkx", "qiskit", "qiskit_ibm_runtime", "qiskit_aer"})
_END_SECONDS = 10
_MAX_NOTICE = 4096


class WorkerSource(Protocol):
    """Where the workers of a program come from."""

    def fileno(self) -> int:
        """Return the descriptor on which notices arrive."""

    def kill(self, number: int) -> None:
        """Have a worker killed."""

    def notice(self) -> dict[str, Any] | None:
        """Return the next notice: what happened to a worker, whose number is its first value. None if there will be no more.

        Raises:
            BlockingIOError: There is none now.
        """

    def close(self) -> None:
        """End all workers."""


class Launcher:
    """Asks a fork server for workers."""

    def __init__(self, channel: socket.socket, process: "subprocess.Popen[bytes] | None") -> None:
        self._channel = channel
        self._process = process

    @classmethod
    def connect(cls) -> "Launcher":
        """Return the launcher of this process.

        The fork server in the supervisor is for the program alone, so what the program forks or starts starts its own.
        """
        descriptor = os.environ.pop(_VARIABLE, None)
        if descriptor is None:
            return cls(*_start())
        channel = socket.socket(fileno=int(descriptor))
        channel.set_inheritable(False)
        return cls(channel, None)

    def fileno(self) -> int:
        """Return the descriptor on which notices arrive."""
        return self._channel.fileno()

    def fork(self, number: int, descriptors: list[int]) -> None:
        """Have a worker forked.

        Args:
            number: Its number.
            descriptors: Its ends of its sockets.

        Raises:
            WorkersUnavailableError: The fork server has gone.
        """
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        try:
            self._channel.sendmsg([json.dumps({"fork": number}).encode()], rights)
        except ConnectionError as error:
            raise WorkersUnavailableError(
                "the process that starts workers has ended; its last words are in the log"
            ) from error

    def kill(self, number: int) -> None:
        """Have a worker killed."""
        with contextlib.suppress(ConnectionError):  # then all workers have gone
            self._channel.send(json.dumps({"kill": number}).encode())

    def notice(self) -> dict[str, Any] | None:
        """Return the next notice; see `fork_server` for their form. None if the fork server has gone.

        Raises:
            BlockingIOError: There is none.
        """
        try:
            data = self._channel.recv(_MAX_NOTICE, socket.MSG_DONTWAIT)
        except ConnectionError:
            return None
        notice: dict[str, Any] | None = json.loads(data) if data else None
        return notice

    def close(self) -> None:
        """Hang up, which ends all workers."""
        self._channel.close()
        if self._process is not None:
            self._process.wait(_END_SECONDS)


def _start() -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    ours, theirs = pair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "qiskit_serverless.tasks.fork_server", str(theirs.fileno())],
            stdin=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # so that Ctrl-C reaches the program alone, which then ends its workers
        )
    assert process.stdin is not None  # noqa: S101  (for the type checker)
    with process.stdin as stdin:
        stdin.write(json.dumps({"program": os.getpid(), "path": sys.path, "modules": _modules()}).encode())
    return ours, process


def _modules() -> list[str]:
    """Return the heavy modules that this process has imported."""
    return [
        name for name in list(sys.modules) if name.partition(".")[0] in _PRELOADED and sys.modules[name] is not None
    ]
