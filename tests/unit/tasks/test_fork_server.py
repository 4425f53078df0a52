"""The fork server as the supervisor embeds it."""

import array
import json
import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qiskit_serverless.tasks.fork_server import ForkServer
from qiskit_serverless.tasks.messages import pair, receive, send
from qiskit_serverless.tasks.worker import Setup

# The server refuses to fork from a process with threads, which a test process is; so it runs in a program of its own here,
# with the loop that a supervisor has.
SUPERVISOR = """
import json, os, selectors, signal, socket, sys
from qiskit_serverless.tasks.fork_server import ForkServer

def prepare():
    if os.environ.get("PREPARE_FAILS"):
        raise RuntimeError("no folder")
    os.chdir(os.environ["WORK"])
    os.environ["PREPARED"] = "yes"

if os.environ.get("WITH_THREAD"):
    import threading
    threading.Thread(target=threading.Event().wait, daemon=True).start()

server = ForkServer(socket.socket(fileno=int(sys.argv[1])), prepare=prepare, output_fd=int(sys.argv[2]))
reports = os.fdopen(int(sys.argv[3]), "w", buffering=1)
wake, signalled = socket.socketpair()
signalled.setblocking(False)
signal.signal(signal.SIGCHLD, lambda *_: None)
signal.set_wakeup_fd(signalled.fileno())
selector = selectors.DefaultSelector()
selector.register(server, selectors.EVENT_READ)
selector.register(wake, selectors.EVENT_READ)
serving = True
while serving or server.pids:
    for key, _ in selector.select():
        if key.fileobj is wake:
            wake.recv(100)
            while server.pids and (ended := os.wait4(-1, os.WNOHANG))[0]:
                reports.write(json.dumps(["reaped", server.child_exited(*ended), sorted(server.pids)]) + "\\n")
        else:
            serving = server.handle_request()
            if not serving:
                selector.unregister(server)
reports.write(json.dumps(["over", server.child_exited(1, 0)]) + "\\n")
server.close()
"""


class Supervisor:
    """A supervisor with a fork server in it, and the program's side of the channel."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sockets: list[socket.socket] = []
        self.log = folder / "program.log"
        self.folder = folder
        reading, writing = os.pipe()
        self.reports = os.fdopen(reading)
        output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        import subprocess
        import sys

        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, *map(str, (theirs.fileno(), output, writing))],
            pass_fds=(theirs.fileno(), output, writing),
            env={**os.environ, "WORK": str(folder), "OPENBLAS_NUM_THREADS": "1", **environment},
        )
        for fd in (writing, output):
            os.close(fd)
        theirs.close()

    def fork(self, number: int) -> tuple[socket.socket, socket.socket]:
        """Ask for a worker, and return the program's ends of its sockets."""
        tasks, tasks_end = pair()
        control, control_end = pair()
        rights = array.array("i", [tasks_end.fileno(), control_end.fileno()])
        self.channel.sendmsg([json.dumps({"fork": number}).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        tasks_end.close()
        control_end.close()
        self.sockets += [tasks, control]
        return tasks, control

    def notice(self) -> dict[str, Any]:
        """Return the next notice."""
        notice: dict[str, Any] = json.loads(self.channel.recv(4096))
        return notice

    def report(self) -> list[Any]:
        """Return the next report of the supervisor."""
        report: list[Any] = json.loads(self.reports.readline())
        return report

    def close(self) -> None:
        """End everything."""
        for each in (self.channel, *self.sockets):
            each.close()
        self.process.wait(20)
        self.reports.close()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    started = Supervisor(tmp_path)
    yield started
    started.close()


def test_a_worker_is_forked_told_of_and_told_of_again_when_it_ends(supervisor: Supervisor) -> None:
    tasks, control = supervisor.fork(3)
    forked = supervisor.notice()
    assert forked["forked"] == 3

    tasks.close()
    control.close()
    ended = supervisor.notice()

    assert (ended["ended"], ended["status"]) == (3, 0)
    assert ended["peak"] > 10**6
    assert supervisor.report() == ["reaped", True, []]


def test_a_worker_runs_prepared_and_writes_into_the_log(supervisor: Supervisor) -> None:
    from qiskit_serverless.tasks.budget import Budget
    from qiskit_serverless.tasks.functions import distribute_task
    from qiskit_serverless.tasks.messages import decode, encode
    from qiskit_serverless.tasks.segments import Segment, SegmentPool, mark_free
    from qiskit_serverless.tasks.serializer import dumps, loads

    @distribute_task
    def look() -> tuple[str, str | None]:
        print("hello from a task")
        os.write(2, b"and from below\n")
        return str(Path.cwd()), os.environ.get("PREPARED")

    segments = SegmentPool(mark_free)
    tasks, control = supervisor.fork(1)
    send(control, tuple(Setup(1, [], {}, 1, Budget(1, 0, 0))))
    send(control, ("function", "look", encode(dumps(look, segments), [])))
    send(tasks, (7, "look", "look", encode(dumps(((), {}), segments), []), (), ()))
    received = receive(control)

    assert received is not None
    kind, number, seconds, frame, _ = received[0]
    payload = decode(frame, received[1], lambda _: pytest.fail("no reference"), lambda fd, _: Segment(fd, mark_free))
    assert (kind, number) == ("result", 7)
    assert 0 < seconds < 10
    assert loads(payload) == (str(supervisor.folder), "yes")
    assert supervisor.log.read_text() == "hello from a task\nand from below\n"


def test_a_worker_is_killed_on_request(supervisor: Supervisor) -> None:
    sockets = supervisor.fork(1), supervisor.fork(2)
    assert {supervisor.notice()["forked"] for _ in sockets} == {1, 2}

    supervisor.channel.send(b'{"kill": 2}')
    ended = supervisor.notice()
    supervisor.channel.send(b'{"kill": 2}')  # it is not there any more, which is fine
    supervisor.channel.send(b'{"kill": 1}')

    assert (ended["ended"], os.WTERMSIG(ended["status"])) == (2, signal.SIGKILL)
    assert supervisor.notice()["ended"] == 1


def test_all_workers_are_killed_when_the_program_hangs_up(supervisor: Supervisor) -> None:
    sockets = [supervisor.fork(number) for number in range(3)]
    pids = {supervisor.notice()["pid"] for _ in sockets}
    supervisor.channel.close()

    reaped = [supervisor.report() for _ in sockets]
    assert [report[1] for report in reaped] == [True, True, True]
    assert set(reaped[0][2]) < pids
    assert supervisor.report() == ["over", False]


def test_a_worker_that_cannot_be_prepared_says_why_in_the_log(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, PREPARE_FAILS="1")
    supervisor.fork(1)

    assert supervisor.notice()["forked"] == 1
    assert os.waitstatus_to_exitcode(supervisor.notice()["status"]) == 1
    assert "RuntimeError: no folder" in supervisor.log.read_text()
    supervisor.close()


def test_a_server_with_threads_refuses_to_fork(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, WITH_THREAD="1")
    supervisor.fork(1)
    notice = supervisor.notice()

    assert notice["failed"] == 1
    assert "has 2 threads" in notice["reason"]
    supervisor.process.kill()
    supervisor.close()


def test_workers_die_with_the_supervisor(supervisor: Supervisor) -> None:
    from tests.unit.tasks.conftest import wait_for_end

    supervisor.fork(1)
    pid = supervisor.notice()["pid"]
    supervisor.process.kill()

    wait_for_end(pid)


def test_a_program_that_does_not_read_does_not_stop_the_server() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = ForkServer(theirs, prepare=lambda: None, output_fd=None)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    finished = threading.Event()

    def flood() -> None:
        for number in range(5000):
            server._numbers[number] = number
            assert server.child_exited(number, 0, usage)
        finished.set()

    threading.Thread(target=flood).start()
    assert finished.wait(30)
    seen = 0
    while seen < 5000:
        assert json.loads(ours.recv(4096))["ended"] == seen
        seen += 1
        server._flush()
    ours.close()
    assert not server.handle_request()
    server.close()
