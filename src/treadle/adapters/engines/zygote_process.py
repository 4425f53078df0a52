"""One zygote process as its engine sees it: the other side of `treadle.runner.zygote`."""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.domain.errors import EngineUnavailableError
from treadle.domain.launch import Launch
from treadle.runner import handover
from treadle.runner.environment import ONE_THREAD

_PASSED_ON = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ"),
        *("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    }
)
_PASSED_ON_FAMILIES = ("LC_", "QISKIT_IBM_")


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom a zygote's news are for.

    Attributes:
        answer: Called with each message, and the descriptor that came with it.
        ended: Called once when it has died, with its wait status if known.
    """

    answer: Callable[[dict[str, Any], int | None], None]
    ended: Callable[[int | None], None]


class ZygoteProcess:
    """A running zygote."""

    def __init__(self, interpreter: str, home: Path, log: Path, variables: Mapping[str, str]) -> None:
        """Start it in a session of its own; it outlives this process for as long as it has supervisors.

        Args:
            interpreter: The Python to run.
            home: The platform's home folder.
            log: File that gets its output, and that of its supervisors.
            variables: Its environment variables.

        Raises:
            EngineUnavailableError: The interpreter cannot be started.
        """
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        theirs.set_inheritable(True)
        command = [interpreter, "-P", "-m", "treadle.runner.zygote", str(theirs.fileno()), str(home)]
        try:
            self.pid = _spawn(command, log, variables)
        except OSError as error:
            self._control.close()
            raise EngineUnavailableError(f"{interpreter} cannot be started: {error}.") from error
        finally:
            theirs.close()
        self.ended = asyncio.Event()
        self._pidfd = os.pidfd_open(self.pid)

    def attend(self, listener: Listener) -> None:
        """Let its news, also those that have come already, arrive in the running event loop."""
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._control, self._receive)
        self._loop.add_reader(self._pidfd, self._reap)

    def request_supervisor(self, number: int, launch: Launch) -> None:
        """Ask for a supervisor. If the zygote is dying there is no answer, but `Listener.ended` is called."""
        document = handover.written(launch)
        with contextlib.suppress(ConnectionError):
            handover.pass_on(self._control, document, json.dumps({"start": number}).encode())
        os.close(document)

    def hang_up(self) -> None:
        """Ask it for nothing more: it leaves as soon as it has no supervisors."""
        self._loop.remove_reader(self._control)
        self._control.close()

    def kill(self) -> None:
        """Kill it."""
        os.kill(self.pid, signal.SIGKILL)  # not reaped before `ended`, so this is no other process

    def _receive(self) -> None:
        try:
            letter, descriptor = handover.take(self._control)
        except BlockingIOError:
            return
        if letter:
            self._listener.answer(json.loads(letter), descriptor)
        else:
            self._loop.remove_reader(self._control)  # it is dying; `_reap` follows

    def _reap(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        status = _wait_status(self.pid)
        if self._control.fileno() >= 0:
            self.hang_up()
        self.ended.set()
        self._listener.ended(status)


def _wait_status(pid: int) -> int | None:
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:  # something in this process waits for children of all kinds, and was faster
        return None


def zygote_environment(variables: Mapping[str, str], environment: Path | None = None) -> dict[str, str]:
    """Return the environment variables of a zygote: what programs may see of the gateway's, and single-threaded libraries.

    Args:
        variables: Those of the gateway.
        environment: Folder of the Python environment whose commands come first, None for none.
    """
    passed_on = {
        name: value for name, value in variables.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_FAMILIES)
    }
    if environment is not None:
        passed_on["VIRTUAL_ENV"] = str(environment)
        passed_on["PATH"] = f"{environment / 'bin'}{os.pathsep}{variables.get('PATH', os.defpath)}"
    return {**passed_on, **ONE_THREAD}


def _spawn(command: list[str], log: Path, variables: Mapping[str, str]) -> int:
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(command[0], command, variables, file_actions=actions, setsid=True)
