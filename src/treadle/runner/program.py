"""The process of a program: from the fork to the exit code, as ``python main.py`` in a fresh interpreter would do it."""

import atexit
import builtins
import contextlib
import faulthandler
import gc
import io
import os
import socket
import stat
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
from typing import IO, Any, NoReturn

from qiskit_serverless.forked import become_child
from qiskit_serverless.spaces.job_spaces import JobSpaces
from treadle.domain.launch import Launch
from treadle.domain.outcome import Failure
from treadle.runner import failure, handover
from treadle.runner.attempt import AttemptFolder
from treadle.runner.environment import job_environment, limit_threads, replace_environment, threads
from treadle.runner.file_delivery import spaces_of
from treadle.runner.messages import failure_message
from treadle.runner.processes import set_name
from treadle.runner.ray import connect_ahead

_FLUSH_FAILED = 120  # what Python itself returns when it cannot write its last output


@dataclass(frozen=True, slots=True)
class Channels:
    """The program's ends of its channels to the supervisor.

    Attributes:
        report: Takes stages and failures. At first the launch comes through it: the sign to begin.
        workers: Leads to the fork server.
    """

    report: socket.socket
    workers: socket.socket


def run(channels: Channels, home: Path, supervisor: int) -> NoReturn:
    """Be the process of a program that is not known yet: wait for its launch, then be that program.

    Args:
        channels: Its channels.
        home: The platform's home folder.
        supervisor: Process id of the supervisor, read before the fork.
    """
    code = None
    try:
        code = _run(channels, home, supervisor)
    finally:  # whatever happened, do not go on as a second supervisor
        if code is None:
            traceback.print_exc()
        os._exit(1 if code is None else code)


def settle(variables: Mapping[str, str], work: Path, spaces: JobSpaces | None) -> None:
    """Take up a job's environment, files and working directory; its task workers do the same."""
    replace_environment(variables)
    if spaces is not None:
        spaces.attach()
    time.tzset()
    tempfile.tempdir = None  # some library asked for it in the zygote already
    os.chdir(work)
    sys.path.insert(0, str(work))


def _run(channels: Channels, home: Path, supervisor: int) -> int:
    become_child([channels.report.fileno(), channels.workers.fileno()], die_with=supervisor)
    os.setsid()
    connect_ahead()
    _, document = handover.take(channels.report)
    if document is None:
        return 1  # the supervisor leaves, or could not prepare what we need
    set_name("program")
    launch = handover.read(document)
    os.close(document)
    folder = AttemptFolder.of(home, launch.job_id, launch.attempt)
    limit_threads(threads(launch))
    _redirect(folder.log)
    return _call(launch, folder, channels)


def _call(launch: Launch, folder: AttemptFolder, channels: Channels) -> int:
    """Run the program and all that Python does after it: threads, exit handlers, last output."""
    program = os.getpid()
    try:
        _execute(launch, folder, channels)
        code = 0
    except SystemExit as leaving:
        code = _exit_code(leaving)
    except BaseException as error:  # noqa: BLE001  (the end of the line: Python, too, prints here whatever arrives)
        code = 1
        trace = failure.without_frames_of(__file__, error.__traceback__)
        if os.getpid() == program:  # and not a process it forked
            _report(channels, failure.describe(error, trace, folder.work))
        sys.excepthook(type(error), error.with_traceback(trace), trace)
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons, as Python does at its end
    atexit._run_exitfuncs()
    flushed = [_flush(stream) for stream in (*_open_files(), sys.stdout, sys.stderr)]
    return code if code or all(flushed) else _FLUSH_FAILED


def _execute(launch: Launch, folder: AttemptFolder, channels: Channels) -> None:
    variables = {
        **job_environment(launch, folder, os.environ),
        "TREADLE_REPORT_FD": str(channels.report.fileno()),
        "TREADLE_WORKERS_FD": str(channels.workers.fileno()),
    }
    settle(variables, folder.work, spaces_of(launch, folder))
    path = folder.work / launch.entrypoint
    if path.parent != folder.work:
        sys.path.insert(0, str(path.parent))  # where Python looks first: beside the program
    sys.argv = [str(path)]
    main = _main_module(str(path))
    with io.open_code(str(path)) as file:
        code = compile(file.read(), str(path), "exec", dont_inherit=True)
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


def _report(channels: Channels, facts: Failure) -> None:
    with contextlib.suppress(OSError):  # the program may have closed it; then exit code and log must do
        os.write(channels.report.fileno(), failure_message(facts))


def _open_files() -> list[IO[Any]]:
    """Return the files that the program has not closed. An interpreter that ends writes out what they hold, and so do we."""
    kinds = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
    return [each for each in gc.get_objects() if type(each) in kinds and _is_regular(each)]


def _is_regular(file: IO[Any]) -> bool:
    """Return whether a file is open and lies on a disk: to write to anything else may take for ever."""
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):  # it is closed, or has no descriptor
        return False


def _flush(stream: IO[Any] | None) -> bool:
    """Write out what a stream still holds. Returns whether that worked; a closed or missing stream holds nothing."""
    if stream is None or stream.closed:
        return True
    try:
        stream.flush()
    except OSError:
        return False
    return True
