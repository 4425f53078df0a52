"""The zygote: imports the heavy libraries once, then forks a supervisor whenever the engine asks.

Started by the local engine as ``python -m treadle.runner.zygote CONTROL HOME``, where CONTROL is the descriptor of a
``SOCK_SEQPACKET`` socket. A JSON object per datagram:

* from the engine: ``{"start": number}`` with the descriptor of a file that holds the launch document;
* to the engine: ``{"ready": true}`` when everything is imported; ``{"started": number}`` with a pidfd of the supervisor;
  ``{"failed": number, "reason"}``.

When the engine hangs up, the zygote starts nothing more and stays until its last supervisor has left: it is the reaper of what
a killed supervisor leaves behind.
"""

import json
import os
import select
import signal
import socket
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from qiskit_serverless.forked import assert_single_threaded, become_child
from treadle.runner import handover
from treadle.runner.environment import thread_pools
from treadle.runner.environments import hold
from treadle.runner.huge_pages import collapse_memory
from treadle.runner.preload import import_libraries
from treadle.runner.processes import become_subreaper, children, reap, send, set_name
from treadle.runner.ray import has_ray, import_cluster_libraries
from treadle.runner.signals import SignalPipe
from treadle.runner.supervisor import supervise

_HELD_BACK = {signal.SIGTERM, signal.SIGUSR1}  # until a new supervisor can take note of them


@dataclass(frozen=True, slots=True)
class _Supervisor:
    """A supervisor process.

    Attributes:
        pid: Its process id.
        channel: Takes the launch of its attempt.
    """

    pid: int
    channel: socket.socket


class Zygote:
    """The loop that forks and reaps.

    One supervisor, with a process for its program, is always forked ahead: it has only to be told its attempt.
    """

    def __init__(self, control: socket.socket, home: Path) -> None:
        self._control = control
        self._home = home
        self._signals = SignalPipe(signal.SIGCHLD)
        self._supervisors: set[int] = set()
        self._spare: _Supervisor | None = None
        self._serving = True

    def run(self) -> None:
        """Serve until the engine has hung up and all that was forked, or left to us, has ended."""
        self._tell({"ready": True})
        while self._serving or children():
            if self._serving and self._spare is None and not self._ready(0):
                self._spare = self._fork()
            ready = self._ready(None)
            self._signals.read()
            self._reap()
            if self._control.fileno() in ready:
                self._serve()

    def _ready(self, milliseconds: int | None) -> set[int]:
        """Wait for a signal or the engine. Returns the descriptors that are readable."""
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        if self._serving:
            poll.register(self._control, select.POLLIN)
        return {descriptor for descriptor, _ in poll.poll(milliseconds)}

    def _serve(self) -> None:
        """Take one request of the engine."""
        letter, document = handover.take(self._control)
        if document is None:
            self._hang_up()
            return
        self._start(json.loads(letter)["start"], document)
        os.close(document)

    def _start(self, number: int, document: int) -> None:
        try:
            supervisor, self._spare = self._spare or self._fork(), None
            handover.pass_on(supervisor.channel, document)
            supervisor.channel.close()
        except OSError as error:
            self._tell({"failed": number, "reason": str(error)})
            return
        self._supervisors.add(supervisor.pid)
        descriptor = os.pidfd_open(supervisor.pid)  # it is not reaped before this returns, so this is no other process
        self._tell({"started": number}, descriptor)
        os.close(descriptor)

    def _fork(self) -> _Supervisor:
        assert_single_threaded()
        sys.stdout.flush()
        sys.stderr.flush()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
        try:
            pid = os.fork()
            if pid == 0:
                ours.close()
                self._become_supervisor(theirs)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
            theirs.close()
        return _Supervisor(pid, ours)

    def _become_supervisor(self, channel: socket.socket) -> NoReturn:
        code = 1
        try:
            os.setsid()
            self._signals.close()
            self._control.close()
            supervise(channel, self._home)
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
            if self._spare is not None and pid == self._spare.pid:
                self._spare = None
        for pid in children():
            if pid not in self._supervisors and (self._spare is None or pid != self._spare.pid):
                send(pid, signal.SIGKILL)

    def _tell(self, message: dict[str, Any], descriptor: int | None = None) -> None:
        letter = json.dumps(message).encode()
        try:
            if descriptor is None:
                self._control.send(letter)
            else:
                handover.pass_on(self._control, descriptor, letter)
        except ConnectionError:
            self._hang_up()

    def _hang_up(self) -> None:
        """Start nothing more: the engine is gone."""
        self._serving = False
        if self._spare is not None:
            self._spare.channel.close()


def main() -> None:
    """Become a zygote.

    Raises:
        NotSingleThreadedError: A library started a thread while it was imported, so that forking would not be safe.
    """
    control, home = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2])
    control.set_inheritable(False)
    become_child([control.fileno()])  # the gateway may have been started with open files, or signals ignored
    os.chdir("/")
    if Path(sys.prefix).parent == home / "environments":
        hold(Path(sys.prefix))  # nobody removes it under our programs
    set_name("zygote")
    become_subreaper()
    import_libraries()
    import_cluster_libraries()
    thread_pools()
    has_ray()
    collapse_memory()
    assert_single_threaded()
    Zygote(control, home).run()
    os._exit(0)  # nothing of ours is left to be done, and taking the libraries down would take a while


if __name__ == "__main__":
    main()
