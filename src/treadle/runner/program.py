"""The process of a program: from the fork to the exit code, as ``python main.py`` in a fresh interpreter would do it."""

import atexit
import builtins
import contextlib
import faulthandler
import io
import os
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import NoReturn, TextIO

from qiskit_serverless.forked import become_child
from treadle.runner import failure
from treadle.runner.environment import replace_environment, thread_pools
from treadle.runner.messages import failure_message
from treadle.runner.processes import set_name

GO = b"go"
_FLUSH_FAILED = 120  # what Python itself returns when it cannot write its last output


@dataclass(frozen=True, slots=True)
class ProgramPlan:
    """All a program's process needs to know.

    Attributes:
        entrypoint: The program, relative to `work`.
        work: Its working directory.
        log: The file that becomes its standard output and error.
        variables: Its environment, without the channels.
        threads: How many threads the libraries may use.
        report: Its end of the report channel. It waits there for `GO` before it touches any of the above.
        workers: Its end of the channel to the fork server.
    """

    entrypoint: str
    work: Path
    log: Path
    variables: Mapping[str, str]
    threads: int
    report: socket.socket
    workers: socket.socket


def run(plan: ProgramPlan, supervisor: int) -> NoReturn:
    """Be the program. To be called in a freshly forked process.

    Args:
        plan: What to run.
        supervisor: Process id of the supervisor, read before the fork.
    """
    code = None
    try:
        code = _run(plan, supervisor)
    finally:  # whatever happened, do not go on as a second supervisor
        if code is None:
            traceback.print_exc()
        os._exit(1 if code is None else code)


def settle(variables: Mapping[str, str], work: Path) -> None:
    """Take up a job's environment and working directory; its task workers do the same."""
    replace_environment(variables)
    time.tzset()
    tempfile.tempdir = None  # some library asked for it in the zygote already
    os.chdir(work)
    sys.path.insert(0, str(work))


def _run(plan: ProgramPlan, supervisor: int) -> int:
    become_child([plan.report.fileno(), plan.workers.fileno()], die_with=supervisor)
    os.setsid()
    set_name("program")
    thread_pools().limit(limits=plan.threads)
    if plan.report.recv(len(GO)) != GO:
        return 1  # the supervisor could not prepare what we need, or is gone
    _redirect(plan.log)
    return _call(plan, os.getpid())


def _call(plan: ProgramPlan, program: int) -> int:
    """Run the program and all that Python does after it: threads, exit handlers, last output."""
    try:
        _execute(plan)
        code = 0
    except SystemExit as leaving:
        code = _exit_code(leaving)
    except BaseException as error:  # noqa: BLE001  (the end of the line: Python, too, prints here whatever arrives)
        code = 1
        trace = failure.without_frames_of(__file__, error.__traceback__)
        if os.getpid() == program:  # and not a process it forked
            _report(plan, error.with_traceback(trace))
        sys.excepthook(type(error), error.with_traceback(trace), trace)
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons, as Python does at its end
    atexit._run_exitfuncs()
    flushed = [_flush(stream) for stream in (sys.stdout, sys.stderr)]
    return code if code or all(flushed) else _FLUSH_FAILED


def _execute(plan: ProgramPlan) -> None:
    variables = {
        **plan.variables,
        "TREADLE_REPORT_FD": str(plan.report.fileno()),
        "TREADLE_WORKERS_FD": str(plan.workers.fileno()),
    }
    settle(variables, plan.work)
    path = str(plan.work / plan.entrypoint)
    if os.path.dirname(path) != str(plan.work):  # noqa: PTH120
        sys.path.insert(0, os.path.dirname(path))  # noqa: PTH120  (where Python looks first: beside the program)
    sys.argv = [path]
    main = _main_module(path)
    with io.open_code(path) as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, main.__dict__)  # noqa: S102  (running the user's program is what this process is for)


def _main_module(path: str) -> ModuleType:
    main = ModuleType("__main__")
    main.__dict__.update(
        __file__=path,
        __builtins__=builtins,
        __loader__=SourceFileLoader("__main__", path),
        __annotations__={},
        __cached__=None,
    )
    sys.modules["__main__"] = main
    return main


def _redirect(log: Path) -> None:
    """Send standard output and error to the log, line by line, and a crash's traceback too."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)  # noqa: S101  (they are the zygote's own)
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    faulthandler.enable(2)


def _exit_code(leaving: SystemExit) -> int:
    """Return the exit code of ``sys.exit(...)``; text is printed, as Python does."""
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    print(leaving.code, file=sys.stderr)
    return 1


def _report(plan: ProgramPlan, error: BaseException) -> None:
    facts = failure.describe(error, error.__traceback__, plan.work)
    with contextlib.suppress(OSError):  # the program may have closed it; then exit code and log must do
        os.write(plan.report.fileno(), failure_message(facts))


def _flush(stream: TextIO | None) -> bool:
    """Write out what a stream still holds. Returns whether that worked; a closed or missing stream holds nothing."""
    if stream is None or stream.closed:
        return True
    try:
        stream.flush()
    except OSError:
        return False
    return True
