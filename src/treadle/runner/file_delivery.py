"""Sending back what a program leaves among its files, in a process beside the supervisor, which goes on with its reports."""

import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from qiskit_serverless.forked import assert_single_threaded, become_child
from qiskit_serverless.spaces.errors import FilesError, JobOverError
from qiskit_serverless.spaces.gateway import FilesGateway
from qiskit_serverless.spaces.job_spaces import JobSpaces
from treadle.domain.launch import Launch
from treadle.runner.attempt import AttemptFolder
from treadle.runner.gateway import AttemptOverError
from treadle.runner.processes import set_name

_LONGEST_REASON = 3000
_DELIVERED, _REFUSED, _OVER = 0, 3, 4
_TRIES = 3


def spaces_of(launch: Launch, folder: AttemptFolder) -> JobSpaces | None:
    """Return the spaces of an attempt; None where its program works in the platform's own folder."""
    if launch.data_path is not None:
        return None
    home = folder.path.parent.parent
    gateway = FilesGateway(launch.gateway_url, launch.job_id, launch.attempt, launch.token, home / "gateway.json")
    return JobSpaces(gateway, folder.spaces, home / "cache" / "files", launch.has_function_space)


class RunningDeliveries:
    """What is delivered while the program runs, so that others see it and little is lost with this machine."""

    def __init__(self, spaces: JobSpaces | None, interval: float) -> None:
        """Look after the files of an attempt.

        Args:
            spaces: Its spaces; None where nothing needs to be delivered.
            interval: Seconds between two deliveries.
        """
        self._spaces = spaces
        self._interval = interval
        self._due = time.monotonic() + interval
        self._pid: int | None = None

    def due(self) -> float:
        """Return the time (`time.monotonic`) at which to call `step`."""
        return self._due if self._spaces is not None and self._pid is None else float("inf")

    def step(self) -> None:
        """Begin a delivery if it is time for one and the program has looked at its files."""
        if time.monotonic() < self.due() or self._spaces is None:
            return
        self._due = time.monotonic() + self._interval
        if self._spaces.looked_at:
            self._pid, words = _begin(self._spaces, while_running=True)
            os.close(words)  # what is refused now is tried again, and told, at the end

    def ended(self, pid: int) -> bool:
        """Take note of a process that was reaped. Returns whether it delivered for us."""
        if pid != self._pid:
            return False
        self._pid = None
        self._due = time.monotonic() + self._interval
        return True


def deliver_all(spaces: JobSpaces, wait: Callable[[int], int]) -> str | None:
    """Deliver what a program that has ended has left. Returns why that cannot be done, None when it is done.

    Args:
        spaces: Its spaces.
        wait: Waits for the end of a process, by its id, and returns its wait status.

    Raises:
        AttemptOverError: The gateway wants nothing more from this attempt.
        OSError: The system has no room for another process.
    """
    code = _DELIVERED
    for _ in range(_TRIES):
        pid, words = _begin(spaces, while_running=False)
        code = os.waitstatus_to_exitcode(wait(pid))
        with os.fdopen(words) as told:
            reason = told.read()
        if code == _OVER:
            raise AttemptOverError(reason, 409)
        if code in (_DELIVERED, _REFUSED):
            return reason or None
    return f"the process that delivers them was ended {_TRIES} times, the last time with exit code {code}"


def _begin(spaces: JobSpaces, *, while_running: bool) -> tuple[int, int]:
    """Fork a process that delivers. Returns its id, and a descriptor from which to read why something is refused."""
    assert_single_threaded()
    sys.stderr.flush()
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    supervisor = os.getpid()
    pid = os.fork()
    if pid == 0:
        _be_delivery(spaces, while_running, theirs, supervisor)
    os.close(theirs)
    return pid, ours


def _be_delivery(spaces: JobSpaces, while_running: bool, words: int, supervisor: int) -> NoReturn:
    code = 1
    try:
        become_child([words], die_with=supervisor)
        set_name("files")
        code, reason = _delivered(spaces, while_running)
        os.write(words, reason[:_LONGEST_REASON].encode(errors="replace"))
    finally:  # whatever happened, do not go on as a second supervisor
        if code == 1:
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(code)


def _delivered(spaces: JobSpaces, while_running: bool) -> tuple[int, str]:
    try:
        spaces.deliver(while_running=while_running)
    except JobOverError as over:
        return _OVER, str(over)
    except FilesError as error:
        return _REFUSED, str(error)
    return _DELIVERED, ""
