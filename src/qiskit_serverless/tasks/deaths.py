"""What the end of a worker process says about the task it ran."""

import os
import signal

from qiskit_serverless.tasks.errors import WorkerDiedError

_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT})


def explain(task: str, pid: int, status: int, peak: int) -> WorkerDiedError:
    """Return the error for a task whose worker ended in the middle of it.

    Args:
        task: Name of the task.
        pid: Process id of the worker.
        status: Its wait status.
        peak: Its largest resident size in bytes; 0 if unknown.
    """
    code = os.waitstatus_to_exitcode(status)
    worker = f"the worker process {pid} of task {task!r}"
    if code >= 0:
        return WorkerDiedError(
            f"{worker} left with exit code {code} before the task returned, as os._exit({code}) does"
        )
    name = _signal_name(-code)
    if -code in _CRASHES:
        return WorkerDiedError(f"{worker} crashed with {name} (signal {-code}); the log has a trace of it")
    if -code == signal.SIGKILL:
        size = f"; its largest size was {peak / 1e6:,.0f} MB" if peak else ""
        return WorkerDiedError(f"{worker} was killed by {name} (signal 9), by somebody or for want of memory{size}")
    return WorkerDiedError(f"{worker} was ended by {name} (signal {-code})")


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else "a signal without a name"
