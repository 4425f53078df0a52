"""The supervisor of one attempt: prepares, runs the program, delivers what came of it, leaves nothing behind.

It never runs user code, and nothing of what the zygote imported, so it stays single-threaded and can fork.
"""

import contextlib
import json
import math
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from signal import SIGCHLD, SIGTERM
from typing import BinaryIO, TypeVar

from treadle.domain.launch import Launch
from treadle.domain.outcome import Ending, Failure, Outcome
from treadle.runner import handover
from treadle.runner.artifact import ArtifactCache, ArtifactError
from treadle.runner.attempt import AttemptFolder, open_regular
from treadle.runner.execution import Execution, ProgramProcess
from treadle.runner.file_delivery import deliver_all, spaces_of
from treadle.runner.gateway import (
    AttemptOverError,
    Call,
    Gateway,
    GatewayAwayError,
    RefusedError,
    answer_object,
)
from treadle.runner.preload import qpy_version
from treadle.runner.processes import become_subreaper, end_children, end_strays, reap, set_name
from treadle.runner.ray import has_ray
from treadle.runner.reporting import LogTail, Reporter
from treadle.runner.results import send_result
from treadle.runner.signals import GATEWAY_IS_BACK, SignalPipe

_NAMES_SHOWN = 20
_UNKILLABLE_SECONDS = 5.0

Value = TypeVar("Value")


class StopRequestedError(Exception):
    """The job is to be stopped and its program has not begun yet."""


def supervise(channel: socket.socket, home: Path) -> None:
    """Wait for an attempt, then look after it, from nothing or from where an earlier supervisor was killed.

    Leaves at once if another supervisor has this attempt. Afterwards the attempt's folder is gone, unless the gateway
    refuses to hear how it ended.

    Args:
        channel: The launch comes through it; if it is closed before, nothing is done.
        home: The platform's home folder.

    Raises:
        RefusedError: The gateway does not understand the outcome.
        OSError: The process of the program cannot be forked, or the folder cannot be removed.
    """
    become_subreaper()
    set_name("spare")
    signals = SignalPipe(SIGCHLD, SIGTERM, GATEWAY_IS_BACK)
    process = ProgramProcess(home)
    document = _launch_or_end(channel, signals, process.pid)
    if document is not None:
        set_name("supervisor")
        launch = handover.read(document)
        os.close(document)
        Supervisor(launch, home, signals, process).run()


def _launch_or_end(channel: socket.socket, signals: SignalPipe, program: int) -> int | None:
    """Wait for the launch. None if there is none to come, or if the process that waits with us for its program has died."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    poll.register(signals, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if channel.fileno() in ready:
            return handover.take(channel)[1]
        if SIGCHLD in signals.read() and os.waitid(os.P_PID, program, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return None


class Supervisor:
    """The steps of an attempt."""

    def __init__(self, launch: Launch, home: Path, signals: SignalPipe, process: ProgramProcess) -> None:
        self._launch = launch
        self._signals = signals
        self._process = process
        self._folder = AttemptFolder.of(home, launch.job_id, launch.attempt)
        self._cache = ArtifactCache(home)
        self._gateway = Gateway(
            launch.gateway_url,
            launch.job_id,
            launch.attempt,
            launch.token,
            home / "gateway.json",
            launch.heartbeat_seconds,
        )
        self._reporter = Reporter(self._gateway)

    def run(self) -> None:
        """Take all steps that are left to take."""
        with contextlib.suppress(AttemptOverError):  # nobody wants to know any more; what remains is to clean up
            try:
                if not self._folder.take():
                    return
            except OSError as error:
                outcome = _not_started(error)
            else:
                outcome = self._recover() if self._folder.begun else self._execute()
            self._deliver(outcome)
        self._folder.discard()

    def _recover(self) -> Outcome:
        """Find out how the program of a lost supervisor ended. It is not run again: it may have had effects."""
        end_strays(self._folder.path)
        log = open_regular(self._folder.log)
        if log is not None:
            self._reporter.started(LogTail(log))
        return self._folder.recorded() or Outcome(Ending.LOST)

    def _execute(self) -> Outcome:
        execution = Execution(self._process, self._launch, self._folder, self._signals, self._reporter)
        try:
            self._prepare()
            self._announce()
            execution.begin()
        except (StopRequestedError, AttemptOverError, ArtifactError, RefusedError, OSError) as error:
            execution.abandon()
            return _unbegun(error)
        return execution.attend()

    def _prepare(self) -> None:
        """Make the program's working directory, its arguments and its folders.

        Raises:
            ArtifactError: The function cannot be run.
            OSError: The disk is full, or a folder cannot be made.
            StopRequestedError: The job is to be stopped.
        """
        digest, folder = self._launch.artifact_digest, self._folder
        if not digest:
            raise ArtifactError("the function was uploaded without a program")
        folder.make_room()  # an earlier supervisor may have been killed while it prepared
        with folder.arguments.open("wb") as file:
            self._fetch(self._arguments(), file)
        if not self._cache.has(digest):
            self._cache.add(digest, lambda target: self._fetch("artifact", target), folder.download)
        self._cache.copy(digest, folder.work)
        _check_entrypoint(folder.work, self._launch.entrypoint)
        folder.temporary.mkdir(mode=0o700)
        if has_ray():
            folder.shorten()
        for data_path in (self._launch.data_path, self._launch.function_data_path):
            if data_path is not None:
                Path(data_path).mkdir(mode=0o700, parents=True, exist_ok=True)

    def _announce(self) -> None:
        """Tell that the program begins. Before the gateway has taken note, the job may get another attempt: it would run twice.

        Raises:
            AttemptOverError: It has got one.
            RefusedError: The gateway does not understand that.
            StopRequestedError: The job is to be stopped.
        """
        answer = self._patiently(lambda: self._gateway.call(Call("POST", "started")), self._pause_or_stop)
        if answer_object(answer).get("stop") is True:
            raise StopRequestedError

    def _arguments(self) -> str:
        """Return the path of the job's arguments. Another environment than the platform's may have an older Qiskit."""
        return "arguments" if self._launch.environment is None else f"arguments?qpy={qpy_version()}"

    def _fetch(self, name: str, target: BinaryIO) -> None:
        try:
            self._patiently(lambda: self._gateway.download(name, target), self._pause_or_stop)
        except RefusedError as error:
            raise ArtifactError(str(error)) from error
        except AttemptOverError as over:
            if over.status == 404:  # the file is not there; if it is the attempt, `finished` will be told so
                raise ArtifactError(str(over)) from over
            raise

    def _deliver(self, outcome: Outcome) -> None:
        """Send what is left, in order: the rest of the log, the result, the outcome.

        Raises:
            AttemptOverError: The gateway wants nothing more from this attempt.
            RefusedError: The gateway does not understand the outcome.
        """
        result = open_regular(self._folder.result)
        outcome = replace(outcome, has_result=result is not None)
        self._record(outcome)
        outcome = self._deliver_files(outcome)
        self._reporter.flush(self._pause)
        if result is not None:
            with os.fdopen(result, "rb") as file:
                outcome = self._send_result(file, outcome)
        finished = Call("POST", "finished", json.dumps(outcome.to_dict()).encode())
        self._call(finished)

    def _deliver_files(self, outcome: Outcome) -> Outcome:
        """Deliver what the program has left among its files. A job whose files were refused has not succeeded."""
        spaces = spaces_of(self._launch, self._folder)
        reason = deliver_all(spaces, self._attend) if spaces is not None and spaces.looked_at else None
        if reason is None:
            return outcome
        if outcome.exit_code != 0:  # what ended the program says more
            print(f"files of a program that failed were not stored: {reason}", file=sys.stderr)
            return outcome
        failure = Failure("FilesError", f"files of the program were not stored: {reason}", details={"files": reason})
        return replace(outcome, exit_code=1, failure=failure)

    def _attend(self, pid: int) -> int:
        """Go on with the reports until a process of ours has ended. Returns its wait status.

        Raises:
            AttemptOverError: The gateway wants nothing more from this attempt.
        """
        while True:
            for ended, status, _ in reap():
                if ended == pid:
                    return status
            if self._reporter.over:
                end_children(self._signals, lambda *_: None, _UNKILLABLE_SECONDS)
                raise AttemptOverError("the gateway has closed this attempt", 409)
            self._reporter.step()
            self._wait()

    def _wait(self) -> None:
        """Wait for a signal, for an answer, or until there is something to report."""
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        if self._reporter.answer_pending:
            poll.register(self._gateway, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(_milliseconds(self._reporter.due()))]
        if GATEWAY_IS_BACK in self._signals.read():
            self._gateway.retry_now()
        if self._reporter.answer_pending and self._gateway.fileno() in ready:
            self._reporter.receive()

    def _send_result(self, file: BinaryIO, outcome: Outcome) -> Outcome:
        """Send the result. A job whose result was refused has not succeeded."""
        try:
            send_result(self._gateway, file, self._call)
        except RefusedError as refusal:
            failure = Failure("RefusedError", f"the result was refused: {refusal}", details={"path": "the result"})
            return replace(
                outcome, has_result=False, exit_code=outcome.exit_code or 1, failure=outcome.failure or failure
            )
        return outcome

    def _call(self, call: Call) -> bytes:
        return self._patiently(lambda: self._gateway.call(call), self._pause)

    def _record(self, outcome: Outcome) -> None:
        """Write the outcome down, so that a supervisor that comes after us knows it."""
        if outcome.ending is Ending.LOST or not self._folder.begun:
            return  # somebody who finds the same comes to the same end
        try:
            self._folder.record(outcome)
        except OSError:
            self._folder.make_room()
            try:
                self._folder.record(outcome)
            except OSError as error:
                print(f"the outcome stays in memory, for it cannot be written down: {error}", file=sys.stderr)

    def _patiently(self, call: Callable[[], Value], pause: Callable[[float], object]) -> Value:
        """Repeat a call until the gateway has answered it."""
        while True:
            while (seconds := self._gateway.retry_at - time.monotonic()) > 0:
                pause(seconds)
            try:
                return call()
            except GatewayAwayError:
                continue

    def _pause(self, seconds: float) -> set[int]:
        """Wait, but not once the gateway is back. Returns the signals that have arrived."""
        arrived = self._signals.wait(seconds)
        if GATEWAY_IS_BACK in arrived:
            self._gateway.retry_now()
        return arrived

    def _pause_or_stop(self, seconds: float) -> None:
        if SIGTERM in self._pause(seconds):
            raise StopRequestedError


def _milliseconds(moment: float) -> int | None:
    """Return the time from now to a moment (`time.monotonic`); None for ever."""
    return None if math.isinf(moment) else math.ceil(max(0.0, moment - time.monotonic()) * 1000)


def _check_entrypoint(work: Path, entrypoint: str) -> None:
    program = work / entrypoint
    if program.resolve().is_relative_to(work.resolve()) and program.is_file():
        return
    names = sorted(path.name for path in work.iterdir())
    held = ", ".join(names[:_NAMES_SHOWN]) + (" ..." if len(names) > _NAMES_SHOWN else "")
    raise ArtifactError(f"the artifact has no file {entrypoint!r}; it holds: {held or 'nothing'}")


def _unbegun(error: Exception) -> Outcome:
    """Return the outcome of an attempt whose program did not begin because of an exception."""
    if isinstance(error, AttemptOverError):
        raise error
    return Outcome(Ending.STOPPED) if isinstance(error, StopRequestedError) else _not_started(error)


def _not_started(error: Exception) -> Outcome:
    number = error.errno if isinstance(error, OSError) else None
    details = {} if number is None else {"errno": number}
    return Outcome(Ending.NOT_STARTED, failure=Failure(type(error).__name__, str(error), details=details))
