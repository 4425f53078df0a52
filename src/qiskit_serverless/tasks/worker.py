"""The process that runs tasks, one after the other, until the program hangs up.

It is forked by the fork server. It has two sockets: from `tasks` it takes one task at a time, so that the program can take back
those it has not begun; over `control` it tells of results and asks for what its tasks ask for.
"""

import contextlib
import os
import socket
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from threadpoolctl import threadpool_limits

from qiskit_serverless.tasks import session
from qiskit_serverless.tasks.budget import Budget
from qiskit_serverless.tasks.errors import NotSerializableError
from qiskit_serverless.tasks.failures import Failure
from qiskit_serverless.tasks.functions import DistributedFunction
from qiskit_serverless.tasks.messages import Channel, Frame, PacketChannel
from qiskit_serverless.tasks.serializer import Payload, dumps, loads
from qiskit_serverless.tasks.worker_session import WorkerSession

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "QISKIT_NUM_PROCS",
)


class Setup(NamedTuple):
    """What the program tells a new worker, as its first message.

    Attributes:
        number: Number of the worker.
        path: The program's ``sys.path``.
        env_vars: Environment variables of the target.
        threads: How many threads numerical libraries may use.
        budget: The budget of the job.
    """

    number: int
    path: list[str]
    env_vars: dict[str, str]
    threads: int
    budget: Budget


class Task(NamedTuple):
    """A task as the program sends it.

    Attributes:
        number: Number of its result.
        name: Its name.
        function_id: Which function to call.
        arguments: Positional and named arguments.
        values: The values of the references among the arguments.
        forgotten: Functions that will not be called any more.
    """

    number: int
    name: str
    function_id: str
    arguments: Frame
    values: tuple[Frame, ...]
    forgotten: tuple[str, ...]


TaskEnd: TypeAlias = tuple[int, float, Payload | Failure]
"""Number of a task, seconds that it took, and its outcome."""


def main(tasks: socket.socket, control: socket.socket) -> None:
    """Run tasks until the program hangs up."""
    channel = PacketChannel(control)
    received = channel.receive()
    if received is None:
        return
    setup = Setup(*received[0])
    sys.path[:] = setup.path
    prepare(setup.threads, setup.env_vars)
    program = WorkerSession(channel, setup.number, setup.budget)
    session.enter(program)
    with contextlib.suppress(ConnectionError):  # the program has ended while a task ran
        for end in run_tasks(PacketChannel(tasks), program):
            program.finish(*end)
            del end


def prepare(threads: int, env_vars: Mapping[str, str]) -> None:
    """Make this process one for tasks: with these environment variables, and so many threads for numerical libraries."""
    sys.modules["__main__"] = types.ModuleType("__main__")  # not the fork server's
    for name in ("TREADLE_WORKERS_FD", "TREADLE_REPORT_FD"):  # these are the program's own
        os.environ.pop(name, None)
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)), QISKIT_PARALLEL="FALSE")
    os.environ.update(env_vars)
    if "numpy" in sys.modules:
        threadpool_limits(threads)


def run_tasks(tasks: Channel, program: WorkerSession) -> Iterator[TaskEnd]:
    """Run the tasks of a channel; give the end of each."""
    runner = _Runner(program)
    while (received := tasks.receive()) is not None:
        task, descriptors = Task(*received[0]), received[1]
        del received  # or its buffers would live until the next task comes
        yield runner.run(task, descriptors)
        del task, descriptors


class _Runner:
    def __init__(self, program: WorkerSession) -> None:
        self._program = program
        self._functions: dict[str, DistributedFunction] = {}

    def run(self, task: Task, descriptors: list[Any]) -> TaskEnd:
        started = time.perf_counter()
        try:
            outcome: Payload | Failure = self._call(task, descriptors)
        except BaseException as error:  # noqa: BLE001  (whatever a task raises is for whoever asks for its result)
            where = f"task {task.name!r} #{task.number & 0xFFFFFFFF}, worker process {os.getpid()}"
            outcome = Failure.caught(error, where)
        _flush()
        return task.number, time.perf_counter() - started, outcome

    def _call(self, task: Task, descriptors: list[Any]) -> Payload:
        packed = self._program.decode(task.arguments, descriptors)
        values = [self._program.decode(frame, descriptors) for frame in task.values]
        for function_id in task.forgotten:
            self._functions.pop(function_id, None)
            self._program.forget(function_id)
        args, kwargs = loads(packed, [loads(value) for value in values])
        return self._pack(self._function(task.function_id)(*args, **kwargs), task.name)

    def _function(self, function_id: str) -> Callable[..., Any]:
        if function_id not in self._functions:
            self._functions[function_id] = loads(self._program.function(function_id))
        return self._functions[function_id].function

    def _pack(self, result: Any, name: str) -> Payload:  # noqa: ANN401
        try:
            packed = dumps(result, self._program.memory)
        except NotSerializableError as error:
            hint = "; return a list instead" if isinstance(result, types.GeneratorType) else ""
            raise NotSerializableError(f"the result of task {name!r}: {error}{hint}") from error.__cause__
        self._program.check(packed)
        return packed


def _flush() -> None:
    """Bring what the task printed into the log before anybody sees its result."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a log that cannot be written is told of by the supervisor
            stream.flush()
