"""The zygote: imports the heavy libraries once, then forks a supervisor whenever the engine asks.

Started by the local engine as ``python -m treadle.runner.zygote CONTROL HOME``, where CONTROL is the descriptor of a
``SOCK_SEQPACKET`` socket. A JSON object per datagram:

* from the engine: ``{"start": number}`` with the descriptor of a file that holds the launch document;
* to the engine: ``{"ready": true}`` when everything is imported; ``{"started": number}`` with a pidfd of the supervisor;
  ``{"failed": number, "reason"}``.

When the engine hangs up, the zygote starts nothing more and stays until its last supervisor has left: it is the reaper of what
a killed supervisor leaves behind.
"""

import array
import json
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from qiskit_serverless.forked import assert_single_threaded
from treadle.domain.launch import Launch
from treadle.runner.environment import thread_pools
from treadle.runner.huge_pages import collapse_memory
from treadle.runner.preload import import_libraries
from treadle.runner.processes import become_subreaper, children, reap, send, set_name
from treadle.runner.signals import SignalPipe
from treadle.runner.supervisor import supervise

_LARGEST_REQUEST = 4096
_HELD_BACK = {signal.SIGTERM, signal.SIGUSR1}  # until a new supervisor can take note of them


class Zygote:
    """The loop that forks and reaps."""

    def __init__(self, control: socket.socket, home: Path) -> None:
        self._control = control
        self._home = home
        self._signals = SignalPipe(signal.SIGCHLD)
        self._supervisors: set[int] = set()
        self._serving = True

    def run(self) -> None:
        """Serve until the engine has hung up and the last supervisor has left."""
        self._tell({"ready": True})
        while self._serving or self._supervisors:
            poll = select.poll()
            poll.register(self._signals, select.POLLIN)
            if self._serving:
                poll.register(self._control, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll()}
            self._signals.read()
            self._reap()
            if self._control.fileno() in ready:
                self._serve()

    def _serve(self) -> None:
        """Take one request of the engine."""
        try:
            data, rights, _, _ = self._control.recvmsg(_LARGEST_REQUEST, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC)
        except ConnectionError:
            data = b""
        if not data:
            self._serving = False
            return
        document = array.array("i", rights[0][2])[0]
        self._start(json.loads(data)["start"], document)
        os.close(document)

    def _start(self, number: int, document: int) -> None:
        try:
            pid = self._fork(document)
        except OSError as error:
            self._tell({"failed": number, "reason": str(error)})
            return
        self._supervisors.add(pid)
        descriptor = os.pidfd_open(pid)  # it is not reaped before this returns, so this is no other process
        self._tell({"started": number}, descriptor)
        os.close(descriptor)

    def _fork(self, document: int) -> int:
        assert_single_threaded()
        sys.stdout.flush()
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
        try:
            pid = os.fork()
            if pid == 0:
                self._become_supervisor(document)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
        return pid

    def _become_supervisor(self, document: int) -> NoReturn:
        code = 1
        try:
            os.setsid()
            self._signals.close()
            self._control.close()
            with os.fdopen(document) as file:
                launch = Launch.from_json(file.read())
            supervise(launch, self._home)
            code = 0
        finally:  # whatever happened, do not go on as a second zygote
            if code:
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        """Collect who has ended, and kill what a supervisor that was killed has left to us."""
        for pid, status, _ in reap():
            if pid in self._supervisors and os.WIFSIGNALED(status):
                print(f"supervisor {pid} was killed by signal {os.WTERMSIG(status)}", file=sys.stderr, flush=True)
            self._supervisors.discard(pid)
        for pid in children():
            if pid not in self._supervisors:
                send(pid, signal.SIGKILL)

    def _tell(self, message: dict[str, Any], descriptor: int | None = None) -> None:
        rights = [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        try:
            self._control.sendmsg([json.dumps(message).encode()], rights)
        except ConnectionError:
            self._serving = False


def main() -> None:
    """Become a zygote.

    Raises:
        NotSingleThreadedError: A library started a thread while it was imported, so that forking would not be safe.
    """
    control, home = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2])
    control.set_inheritable(False)
    os.chdir("/")
    set_name("zygote")
    become_subreaper()
    import_libraries()
    thread_pools()
    collapse_memory()
    assert_single_threaded()
    Zygote(control, home).run()
    os._exit(0)  # nothing of ours is left to be done, and taking the libraries down would take a while


if __name__ == "__main__":
    main()
