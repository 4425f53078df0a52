"""The process that forks task workers: it imports, but never runs, what they use.

Inside the platform a `ForkServer` lives in the supervisor. Outside, ``python -m qiskit_serverless.tasks.fork_server`` is a small
process of its own, started by the program with the first task and gone with the program.

Protocol, over one ``SOCK_SEQPACKET`` socket, a JSON object per datagram:

* from the program: ``{"fork": number}`` with two descriptors, the worker's ends of its two sockets; ``{"kill": number}``;
* to the program: ``{"forked": number, "pid"}``, ``{"failed": number, "reason"}``, and, when a worker has ended,
  ``{"ended": number, "status", "peak"}`` with its wait status and its largest resident size in bytes.
"""

import array
import atexit
import contextlib
import faulthandler
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import socket
import sys
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

from qiskit_serverless.forked import NotSingleThreadedError, assert_single_threaded, become_child
from qiskit_serverless.tasks import worker

_MAX_REQUEST = 4096


class ForkServer:
    """Forks workers when the program asks, and tells it of their ends.

    It belongs into a single-threaded event loop that also reaps children: call `handle_request` when `fileno` is readable,
    and `child_exited` for each child that was reaped.
    """

    def __init__(self, channel: socket.socket, *, prepare: Callable[[], None], output_fd: int | None) -> None:
        """Serve one program.

        Args:
            channel: ``SOCK_SEQPACKET`` socket to the program.
            prepare: Called in each worker before anything else; sets working folder, environment and ``sys.path``.
            output_fd: Becomes file descriptors 1 and 2 of the workers; None leaves those of this process.
        """
        self._channel = channel
        self._prepare = prepare
        self._output_fd = output_fd
        self._numbers: dict[int, int] = {}  # by process id
        self._unsent: deque[bytes] = deque()

    @property
    def pids(self) -> set[int]:
        """Return the process ids of the workers that are not reaped yet."""
        return set(self._numbers)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._channel.fileno()

    def handle_request(self) -> bool:
        """Serve one request of the program.

        Returns:
            False when the program has hung up. All workers are killed then.

        Raises:
            NotSingleThreadedError: This process has started threads.
        """
        self._flush()
        try:
            data, ancillary, _, _ = self._channel.recvmsg(_MAX_REQUEST, socket.CMSG_SPACE(8), socket.MSG_CMSG_CLOEXEC)
        except ConnectionError:
            data = b""
        if not data:
            self._kill_all()
            return False
        request = json.loads(data)
        if "fork" in request:
            self._fork(int(request["fork"]), list(array.array("i", ancillary[0][2])))
        else:
            self._kill(int(request["kill"]))
        return True

    def child_exited(self, pid: int, status: int, usage: resource.struct_rusage | None = None) -> bool:
        """Tell the program that a worker has ended.

        Args:
            pid: Process id of a child that was reaped.
            status: Its wait status.
            usage: What it used, if known.

        Returns:
            Whether it was one of the workers.
        """
        number = self._numbers.pop(pid, None)
        if number is None:
            return False
        peak = usage.ru_maxrss * 1024 if usage else 0
        self._tell({"ended": number, "status": status, "peak": peak})
        return True

    def close(self) -> None:
        """Kill all workers and hang up. Their ends are still to be reaped."""
        self._kill_all()
        self._channel.close()

    def _kill_all(self) -> None:
        for pid in self._numbers:
            os.kill(pid, signal.SIGKILL)

    def _kill(self, number: int) -> None:
        for pid, other in self._numbers.items():
            if other == number:
                os.kill(pid, signal.SIGKILL)

    def _fork(self, number: int, descriptors: list[int]) -> None:
        sockets = [socket.socket(fileno=fd) for fd in descriptors]
        try:
            pid = self._start(*sockets)
        except (OSError, NotSingleThreadedError) as error:
            self._tell({"failed": number, "reason": str(error)})
        else:
            self._numbers[pid] = number
            self._tell({"forked": number, "pid": pid})
        finally:
            for end in sockets:
                end.close()

    def _start(self, tasks: socket.socket, control: socket.socket) -> int:
        assert_single_threaded()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._be_worker(parent, tasks, control)
        return pid

    def _be_worker(self, parent: int, tasks: socket.socket, control: socket.socket) -> None:
        code = 1
        try:
            if self._output_fd is not None:
                os.dup2(self._output_fd, 1)
                os.dup2(self._output_fd, 2)
            become_child([tasks.fileno(), control.fileno()], die_with=parent)
            _open_streams()
            self._prepare()
            worker.main(tasks, control)
            atexit._run_exitfuncs()
            code = 0
        finally:
            if code:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _tell(self, notice: dict[str, Any]) -> None:
        if self._channel.fileno() < 0:  # closed; the ends of the last workers are of no interest any more
            return
        self._unsent.append(json.dumps(notice).encode())
        self._flush()

    def _flush(self) -> None:
        """Send what waits. A program that does not read must not stop the loop this lives in."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while self._unsent:
                self._channel.send(self._unsent[0], socket.MSG_DONTWAIT)
                self._unsent.popleft()


def _open_streams() -> None:
    """Give the worker text streams of its own, and a trace of crashes in the log."""
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    faulthandler.enable(2)


def main() -> None:
    """Serve the program that started this process; see `launcher`."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    start = json.load(sys.stdin)
    environment = dict(os.environ)
    try:
        program = os.pidfd_open(start["program"])
    except ProcessLookupError:
        return  # it has ended already
    sys.path[:] = start["path"]
    _import(start["modules"])
    server = ForkServer(channel, prepare=lambda: _restore(environment), output_fd=None)
    _serve(server, program)


def _import(modules: list[str]) -> None:
    """Import what the program has imported, so that its workers need not; a module it cannot import they import later."""
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    for name in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # so that the collector of a worker does not write to, and thus copy, the pages it shares with us


def _restore(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _serve(server: ForkServer, program: int) -> None:
    """Run until the program has ended. Its pidfd says so even if a process it forked keeps the channel open."""
    wake, signalled = socket.socketpair()
    signalled.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(signalled.fileno())
    selector = selectors.DefaultSelector()
    for file in (server, wake, program):
        selector.register(file, selectors.EVENT_READ)
    while True:
        ready = {key.fileobj for key, _ in selector.select()}
        if wake in ready:
            wake.recv(4096)
            _reap(server)
        if program in ready or (server in ready and not server.handle_request()):
            signal.set_wakeup_fd(-1)
            server.close()
            return


def _reap(server: ForkServer) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.wait4(-1, os.WNOHANG))[0]:
            server.child_exited(*ended)


if __name__ == "__main__":
    main()
