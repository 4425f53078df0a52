"""Parts of tasks on Ray that need no cluster."""

import contextlib
import os
import resource
import select
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qiskit_serverless.tasks import session
from qiskit_serverless.tasks.budget import Budget, Shape
from qiskit_serverless.tasks.ray import cluster, folders, listener
from qiskit_serverless.tasks.ray.leases import Lease
from qiskit_serverless.tasks.ray.mailbox import Mailbox
from qiskit_serverless.tasks.ray.output import Output
from qiskit_serverless.tasks.ray.streams import Stream
from qiskit_serverless.tasks.target import Target

BUDGET = Budget(cpu=8, gpu=4, mem=10**9, resources={"licences": 3}, workers=5)


def shape(**target: Any) -> Shape:
    return BUDGET.shape(Target(**target))


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    first, second = socket.create_server(("127.0.0.1", 0)), socket.socket()
    second.connect(first.getsockname())
    accepted = first.accept()[0]
    first.close()
    with accepted, second:
        yield accepted, second


def test_a_target_becomes_the_options_of_a_task_of_rays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TREADLE_RUNTIME_ENV", raising=False)
    found = cluster.options(shape(cpu=0.5, gpu=1.5, mem=1000, resources={"licences": 1}), 0)

    assert (found["num_cpus"], found["num_gpus"], found["memory"]) == (0.5, 2, 1000)
    assert found["resources"] == {"licences": 1}
    assert found["max_retries"] == 0
    assert "runtime_env" not in found


def test_amounts_smaller_than_ray_knows_are_rounded_up() -> None:
    assert cluster.options(shape(cpu=0.00005), 0)["num_cpus"] == 0.0001


def test_workers_that_are_asked_for_while_tasks_wait_are_of_another_kind() -> None:
    assert cluster.options(shape(cpu=1), 2)["memory"] == cluster.options(shape(cpu=1), 0)["memory"] + 2


def test_the_environment_of_the_job_is_under_the_variables_of_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_RUNTIME_ENV", '{"py_executable": "launch", "env_vars": {"A": "job", "B": "job"}}')

    found = cluster.options(shape(env_vars={"B": "target"}), 0)["runtime_env"]

    assert found == {"py_executable": "launch", "env_vars": {"A": "job", "B": "target"}}


@pytest.mark.parametrize("size", [1, 100, 3_000_000])
def test_messages_arrive_whole_however_large(ends: tuple[socket.socket, socket.socket], size: int) -> None:
    sending, receiving = Stream(ends[0]), Stream(ends[1])
    thread = threading.Thread(target=lambda: [sending.send(("kind", b"x" * size), [number]) for number in range(3)])
    thread.start()

    assert [receiving.receive() for _ in range(3)] == [(("kind", b"x" * size), [number]) for number in range(3)]
    thread.join()
    ends[0].close()
    assert receiving.receive() is None


def test_a_mailbox_has_tasks_for_one_thread_and_answers_for_another(ends: tuple[socket.socket, socket.socket]) -> None:
    program, mailbox = Stream(ends[0]), Mailbox(Stream(ends[1]))
    for message in [("task", 1, "name"), ("values", [5]), ("task", 2, "name"), ("leave",)]:
        program.send(message, [])

    assert mailbox.answers.receive() == (("values", [5]), [])
    assert mailbox.tasks.receive() == ((1, "name"), [])
    assert mailbox.tasks.receive() == ((2, "name"), [])
    assert mailbox.tasks.receive() is None


def test_only_who_knows_the_secret_is_heard() -> None:
    heard: list[tuple[int, int]] = []
    called = threading.Event()

    def on_call(number: int, caller: listener.Caller) -> None:
        heard.append((number, caller.pid))
        caller.connection.close()
        called.set()

    waiting = listener.Listener("127.0.0.1", on_call)
    address = waiting.expect(7)
    with listener.call(address._replace(secret=b"x" * 32), listener.CONTROL) as stranger:
        assert stranger.recv(1) == b""  # hung up on
    with listener.call(address._replace(number=8), listener.CONTROL) as other:
        assert other.recv(1) == b""
    with listener.call(address, listener.CONTROL):
        assert called.wait(20)
    waiting.close()

    assert heard == [(7, os.getpid())]
    with pytest.raises(ConnectionError, match="the program of this task cannot be reached"):
        listener.call(address, listener.CONTROL)


def test_workers_are_heard_again_when_there_is_a_free_descriptor(
    in_child: Callable[[Callable[[], None]], None],
) -> None:
    def lack_descriptors_for_a_while() -> None:
        called = threading.Event()
        waiting = listener.Listener("127.0.0.1", lambda number, caller: called.set())
        address = waiting.expect(7)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, most))
        worker = listener.call(address, listener.CONTROL)  # takes the last one
        with pytest.raises(OSError, match="Too many open files"):
            os.dup(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        assert called.wait(20)
        worker.close()

    in_child(lack_descriptors_for_a_while)


def test_results_that_an_error_has_replaced_are_passed_over() -> None:
    yielded: Any = iter(["first", "of a task whose files were refused", "third"])
    made = Lease(listener.Address("127.0.0.1", 1, 7, b""), yielded)

    assert [made.take(place).reference for place in (0, 2)] == ["first", "third"]


def test_a_program_that_finds_no_cluster_does_not_go_on_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_TASKS", "ray")
    monkeypatch.setenv("TREADLE_BUDGET", "none")
    with pytest.raises(ValueError, match="is not a budget"):
        session.connect()

    assert os.environ["TREADLE_TASKS"] == "ray"


def test_output_is_passed_on_in_whole_lines_without_the_marks_between_them(
    ends: tuple[socket.socket, socket.socket], capfd: pytest.CaptureFixture[str]
) -> None:
    secret = b"secret"
    mark = b"\0task ended " + secret.hex().encode() + b"\n"
    ends[1].setblocking(False)
    output = Output(ends[1], secret)

    def send(data: bytes) -> str:
        ends[0].sendall(data)
        while not _is_readable(ends[1]):
            pass
        output.read()
        return capfd.readouterr().out

    assert send(b"one\ntw") == "one\n"
    assert send(b"o\n" + mark[:5]) == "two\n"
    assert output.marks == 0
    assert send(mark[5:] + b"three" + mark) == "three"
    assert output.marks == 2
    assert send(b"Fatal Python error: Segmentation fault\n") == "Fatal Python error: Segmentation fault\n"
    assert output.crash == 11
    ends[0].sendall(b"end")
    ends[0].close()
    output.close()
    assert capfd.readouterr().out == "end"


def test_a_mark_behind_a_line_that_never_ends_is_seen_too(
    ends: tuple[socket.socket, socket.socket], capfd: pytest.CaptureFixture[str]
) -> None:
    mark = b"\0task ended " + b"secret".hex().encode() + b"\n"
    ends[1].setblocking(False)
    output = Output(ends[1], b"secret")
    parts = [b"\rstill at it" * 200_000 + mark[:20], mark[20:]]
    sent: list[bytes] = []

    def send() -> None:
        ends[0].sendall(parts[0])
        sent.append(parts[0])

    thread = threading.Thread(target=send)
    thread.start()
    while not sent or _is_readable(ends[1], 0):
        output.read()
    thread.join()
    ends[0].sendall(parts[1])
    assert _is_readable(ends[1])
    output.read()

    assert output.marks == 1
    output.close()
    assert len(capfd.readouterr().out) == len(b"\rstill at it" * 200_000)


def test_who_writes_all_the_time_does_not_keep_the_program_from_closing(
    ends: tuple[socket.socket, socket.socket], capfd: pytest.CaptureFixture[str]
) -> None:
    ends[1].setblocking(False)
    output = Output(ends[1], b"secret")
    hung_up = threading.Event()

    def write() -> None:
        with contextlib.suppress(OSError):
            while True:
                ends[0].sendall(b"more\n" * 100_000)
        hung_up.set()

    threading.Thread(target=write, daemon=True).start()
    assert _is_readable(ends[1])
    output.close()

    assert hung_up.wait(20)
    assert output.ended


def _is_readable(connection: socket.socket, seconds: float = 20) -> bool:
    return bool(select.select([connection], [], [], seconds)[0])


def test_a_folder_that_is_too_large_for_other_nodes_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_MOST_BYTES", 2**20)
    (tmp_path / "data").write_bytes(bytes(2**20 + 1))

    with pytest.warns(RuntimeWarning, match=r"has more than 1 MiB: tasks on other nodes lack its files"):
        assert folders.pack(tmp_path) == b""


def test_the_folder_of_a_job_is_unpacked_once_and_removed_when_nobody_holds_it(
    tmp_path: Path, in_child: Callable[[Callable[[], None]], None]
) -> None:
    source, root = tmp_path / "source", tmp_path / "root"
    (source / "package").mkdir(parents=True)
    (source / "package" / "module.py").write_text("x = 1")
    (source / "link").symlink_to("/etc/passwd")
    packed = folders.pack(source)

    in_child(lambda: (folders.unpack(root, "first", packed) / "work" / "package" / "more").touch())
    assert (root / "first" / "work" / "package" / "more").exists()  # its job may have workers again
    in_child(lambda: folders.unpack(root, "second", packed))

    assert not (root / "first").exists()
    assert [path.name for path in (root / "second" / "work").iterdir()] == ["package"]


@pytest.fixture
def in_child() -> Callable[[Callable[[], object]], None]:
    """Return a function that calls another one in a process of its own."""

    def call(function: Callable[[], object]) -> None:
        if (child := os.fork()) == 0:
            try:
                function()
                os._exit(0)
            finally:
                traceback.print_exc()
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0

    return call
