"""What a forked child is, and when forking is refused."""

import os
import random
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qiskit_serverless.forked import NotSingleThreadedError, assert_single_threaded, become_child
from tests.unit.tasks.conftest import wait_for_end

# These tests fork the test process, which is safe as long as the child only looks at itself and leaves.


def in_child(look: Callable[[], object], keep: tuple[int, ...] = (), die_with: int | None = None) -> Any:
    """Return what `look` returns in a forked child."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        become_child((writing, *keep), die_with=die_with)
        os.write(writing, repr(look()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        text = file.read()
    assert os.waitpid(pid, 0)[1] == 0
    return eval(text)


def test_signal_handlers_and_mask_are_those_of_a_fresh_interpreter() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None), signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        found = in_child(
            lambda: (
                signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL,
                signal.getsignal(signal.SIGINT) is signal.default_int_handler,
                signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN,
                len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            )
        )
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        signal.signal(signal.SIGUSR1, before[0])
        signal.signal(signal.SIGINT, before[1])

    assert found == (True, True, True, 0)


def test_a_wakeup_descriptor_is_forgotten() -> None:
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    before = signal.set_wakeup_fd(writing.fileno())
    try:
        assert in_child(lambda: signal.set_wakeup_fd(-1)) == -1
    finally:
        signal.set_wakeup_fd(before)
        reading.close()
        writing.close()


def test_descriptors_are_closed_but_for_those_to_keep() -> None:
    closed, kept = os.dup(0), os.dup(0)
    far = os.dup2(0, 500)

    def is_open(fd: int) -> bool:
        try:
            os.fstat(fd)
        except OSError:
            return False
        return True

    found = in_child(lambda: [is_open(fd) for fd in (0, 1, 2, closed, kept, far)], keep=(kept,))
    for fd in (closed, kept, far):
        os.close(fd)

    assert found == [True, True, True, False, True, False]


def test_children_draw_numbers_of_their_own() -> None:
    def draw() -> tuple[float, float]:
        return random.random(), float(np.random.rand())

    random.seed(1)
    np.random.seed(1)
    drawn = [in_child(draw) for _ in range(3)] + [draw()]

    assert len({first for first, _ in drawn}) == 4
    assert len({second for _, second in drawn}) == 4


def test_a_running_event_loop_is_forgotten() -> None:
    import asyncio

    async def fork() -> object:
        return in_child(lambda: asyncio.run(asyncio.sleep(0, "ran")))

    assert asyncio.run(fork()) == "ran"


def test_a_child_dies_with_its_parent_if_it_is_told_to() -> None:
    reading, writing = os.pipe()
    parent = os.fork()
    if parent == 0:
        mine = os.getpid()
        child = os.fork()
        if child == 0:
            become_child((writing,), die_with=mine)
            os.write(writing, f"{os.getpid()}\n".encode())
            signal.pause()
        signal.pause()
    with os.fdopen(reading) as file:
        child = int(file.readline())
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)

    wait_for_end(child)
    os.close(writing)


def test_a_child_whose_parent_has_gone_already_leaves() -> None:
    pid = os.fork()
    if pid == 0:
        become_child((), die_with=1 << 22)
        os._exit(0)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def test_a_process_with_threads_must_not_fork() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with pytest.raises(
            NotSingleThreadedError, match=rf"process {os.getpid()} has \d+ threads \(.*\) and must not fork"
        ):
            assert_single_threaded()
    finally:
        stop.set()
        thread.join()


def test_a_process_without_threads_may(run_program: Any) -> None:
    done = run_program(
        "from qiskit_serverless.forked import assert_single_threaded\nassert_single_threaded()\nprint('fine')\n"
    )

    assert (done.stdout, done.stderr) == ("fine\n", "")


def test_importing_it_imports_nothing_heavy(run_program: Any) -> None:
    done = run_program(
        "import sys\nimport qiskit_serverless.forked\n"
        "print(sorted({'numpy', 'qiskit', 'asyncio', 'cloudpickle', 'ctypes'} & set(sys.modules)))\n"
    )

    assert done.stdout == "[]\n"
