"""What a lease does in its worker process: it connects to the program and runs tasks until there are no more."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from types import FrameType
from typing import Any, NamedTuple

import ray

from qiskit_serverless.spaces.errors import FilesError
from qiskit_serverless.spaces.job_spaces import JobSpaces
from qiskit_serverless.tasks import session
from qiskit_serverless.tasks.budget import Budget
from qiskit_serverless.tasks.errors import WorkersUnavailableError
from qiskit_serverless.tasks.failures import Failure
from qiskit_serverless.tasks.ray.context import JobContext
from qiskit_serverless.tasks.ray.listener import CONTROL, OUTPUT, Address, call
from qiskit_serverless.tasks.ray.mailbox import Mailbox
from qiskit_serverless.tasks.ray.objects import Inline, Results, StoredObject, Ticket
from qiskit_serverless.tasks.ray.output import capture
from qiskit_serverless.tasks.ray.streams import Stream
from qiskit_serverless.tasks.segments import Hold, SharedMemory
from qiskit_serverless.tasks.worker import TaskEnd, prepare, run_tasks
from qiskit_serverless.tasks.worker_session import WorkerSession


class Setup(NamedTuple):
    """What a lease is told.

    Attributes:
        number: Number of the worker.
        address: Where the program listens.
        env_vars: Environment variables of the target.
        threads: How many threads numerical libraries may use.
    """

    number: int
    address: Address
    env_vars: tuple[tuple[str, str], ...]
    threads: int


@cache
def task() -> Any:  # noqa: ANN401  (Ray has no annotations)
    """Return the task of Ray's that is a lease; always the same, so that Ray sends it to the cluster once."""
    return ray.remote(run)


class RayWorkerSession(WorkerSession):
    """The session of a worker of Ray's."""

    def __init__(self, mailbox: Mailbox, number: int, budget: Budget) -> None:
        self.results = Results()
        super().__init__(mailbox.answers, number, budget)

    def _memories(self) -> tuple[SharedMemory, SharedMemory]:
        return self.results, Inline()

    def _open(self, handle: Any, on_release: Callable[[object], None]) -> Hold:  # noqa: ANN401  (as `Hold.handle`)
        return StoredObject(Ticket(*handle).redeem(), on_release)


def run(context: JobContext, setup: Setup | None) -> Iterator[Any]:
    """Run the tasks of one shape, one after the other. Yields the large ones of their results.

    Args:
        context: What the workers of the job have in common.
        setup: What this lease is for; None if it is only to have a worker process made ready.

    Raises:
        WorkersUnavailableError: This process is not what the job needs.
    """
    if failure := os.environ.get("TREADLE_WORKER_FAILURE"):
        raise WorkersUnavailableError(failure)
    if setup is None:
        import_module("qiskit.qpy")
        return
    try:
        control = call(setup.address, CONTROL)
        output = call(setup.address, OUTPUT)
    except ConnectionError:  # the program has ended, or needs nobody any more
        return
    spaces = context.settle()
    prepare(setup.threads, dict(setup.env_vars))
    mailbox = Mailbox(Stream(control))
    program = RayWorkerSession(mailbox, setup.number, context.budget)
    session.enter(program)
    try:
        with control, _farewell(mailbox), capture(output, setup.address.secret) as mark:
            for end in run_tasks(mailbox.tasks, program):
                while program.results.waiting:
                    yield program.results.waiting.popleft()
                mark()
                program.finish(*(end if spaces is None else _delivered(spaces, end)))
                del end
    except ConnectionError:
        return  # the program has ended while a task ran
    finally:
        session.enter(None)


def _delivered(spaces: JobSpaces, end: TaskEnd) -> TaskEnd:
    """Send the files that a task has left behind on this node; if they are refused, that is the end of the task."""
    number, seconds, outcome = end
    try:
        spaces.deliver()
    except FilesError as error:
        outcome = Failure.of(error)
    return number, seconds, outcome


@contextlib.contextmanager
def _farewell(mailbox: Mailbox) -> Iterator[None]:
    """Tell the program before this process ends in a way that leaves time for it."""
    process, leave, before = os.getpid(), os._exit, signal.getsignal(signal.SIGTERM)

    def tell(kind: str, number: int) -> None:
        if os.getpid() == process:  # and not one that a task has forked
            with contextlib.suppress(OSError):
                mailbox.send(("leaving", kind, number, ((), (), ())), ())

    def leave_and_tell(status: int) -> None:
        tell("exit", status)
        leave(status)

    def terminate(number: int, frame: FrameType | None) -> None:
        tell("signal", number)
        leave(128 + number)

    os._exit = leave_and_tell  # type: ignore[assignment]
    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        os._exit = leave
        signal.signal(signal.SIGTERM, before)
