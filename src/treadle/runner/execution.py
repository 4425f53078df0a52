"""The run of a program: forks it, serves it, watches it, ends it."""

import contextlib
import math
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from resource import struct_rusage

from qiskit_serverless.forked import assert_single_threaded
from qiskit_serverless.tasks.fork_server import ForkServer
from treadle.domain.launch import Launch
from treadle.domain.outcome import Ending, Failure, Outcome
from treadle.runner import handover, messages, program
from treadle.runner.attempt import AttemptFolder
from treadle.runner.environment import job_environment
from treadle.runner.file_delivery import RunningDeliveries, spaces_of
from treadle.runner.file_watch import FileWatch
from treadle.runner.processes import end_children, reap, send, send_to_group
from treadle.runner.reporting import LogTail, Reporter
from treadle.runner.signals import GATEWAY_IS_BACK, SignalPipe

_UNKILLABLE_SECONDS = 5.0
_NEVER = float("inf")


@dataclass
class _Usage:
    """What the processes that were reaped have used."""

    cpu_seconds: float = 0.0
    peak_memory: int = 0

    def add(self, usage: struct_rusage) -> None:
        self.cpu_seconds += usage.ru_utime + usage.ru_stime
        self.peak_memory = max(self.peak_memory, usage.ru_maxrss * 1024)


class ProgramProcess:
    """A process that has made itself ready and waits to become a program."""

    def __init__(self, home: Path) -> None:
        """Fork it.

        Raises:
            OSError: The system has no room for another process.
            qiskit_serverless.forked.NotSingleThreadedError: A fork is not safe.
        """
        self.report, report = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.workers, workers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        assert_single_threaded()
        supervisor = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            program.run(program.Channels(report, workers), home, supervisor)
        report.close()
        workers.close()


class Execution:
    """One program, from its beginning to its end."""

    def __init__(
        self, process: ProgramProcess, launch: Launch, folder: AttemptFolder, signals: SignalPipe, reporter: Reporter
    ) -> None:
        self._launch = launch
        self._folder = folder
        self._signals = signals
        self._reporter = reporter
        self._pid = process.pid
        self._report = process.report
        self._workers = process.workers
        self._usage = _Usage()
        self._status: int | None = None
        self._failure: Failure | None = None
        self._ending = Ending.EXITED
        self._began = 0.0
        self._stop_at = _NEVER
        self._kill_at = _NEVER
        self._fork_server: ForkServer | None = None
        self._log_watch: FileWatch | None = None
        self._deliveries = RunningDeliveries(spaces_of(launch, folder), launch.delivery_seconds)
        self._hung_up: set[int] = set()

    def begin(self) -> None:
        """Let the program begin.

        Raises:
            OSError: The log cannot be made, so the program has not begun.
        """
        log = self._folder.open_log()
        with contextlib.suppress(OSError):  # too many watches in this system: the log then travels with the heartbeats
            self._log_watch = FileWatch(self._folder.log)
        self._fork_server = ForkServer(self._workers, prepare=self._prepare_worker, output_fd=log)
        self._began = time.monotonic()
        if self._launch.wall_seconds is not None:
            self._stop_at = self._began + self._launch.wall_seconds
        document = handover.written(self._launch)
        with contextlib.suppress(ConnectionError):  # somebody has killed it already; `attend` will see that
            handover.pass_on(self._report, document)
        os.close(document)
        self._reporter.follow(LogTail(log))

    def attend(self) -> Outcome:
        """Stay with the program until neither it nor any process it left behind is there."""
        self._reap()
        while self._status is None and time.monotonic() < self._kill_at:
            self._reporter.step()
            self._deliveries.step()
            self._wait()
            self._obey()
        wall_seconds = time.monotonic() - self._began
        if self._fork_server is not None:
            self._fork_server.close()
        end_children(self._signals, self._reaped, _UNKILLABLE_SECONDS)
        self._read_last_reports()
        return self._outcome(wall_seconds)

    def abandon(self) -> None:
        """End the process that was forked but has not begun."""
        self._report.close()
        end_children(self._signals, self._reaped, _UNKILLABLE_SECONDS)

    def _prepare_worker(self) -> None:
        variables = job_environment(self._launch, self._folder, os.environ)
        program.settle(variables, self._folder.work, spaces_of(self._launch, self._folder))

    def _wait(self) -> None:
        """Wait for the next event, or the next moment at which there is something to do, and react."""
        poll, reactions = select.poll(), dict(self._sources())
        for descriptor in reactions:
            poll.register(descriptor, select.POLLIN)
        moments = (self._reporter.due(), self._deliveries.due(), self._stop_at, self._kill_at)
        pause = min(moments) - time.monotonic()
        for descriptor, _ in poll.poll(math.ceil(max(0.0, pause) * 1000)):
            reactions[descriptor]()

    def _sources(self) -> Iterator[tuple[int, Callable[[], None]]]:
        yield self._signals.fileno(), self._react_to_signals
        for channel, reaction in ((self._report, self._read_report), (self._workers, self._serve_workers)):
            if channel.fileno() not in self._hung_up:
                yield channel.fileno(), reaction
        if self._reporter.answer_pending:
            yield self._reporter.gateway.fileno(), self._reporter.receive
        if self._log_watch is not None and self._reporter.log_ready:
            yield self._log_watch.fileno(), self._log_watch.drain

    def _react_to_signals(self) -> None:
        arrived = self._signals.read()
        self._reap()
        if GATEWAY_IS_BACK in arrived:
            self._reporter.gateway.retry_now()
        if signal.SIGTERM in arrived:
            self._stop(Ending.STOPPED)

    def _obey(self) -> None:
        """Stop the program if its time is up or the gateway wants it."""
        if time.monotonic() >= self._stop_at:
            self._stop(Ending.TIMED_OUT)
        if self._reporter.over or self._reporter.stop_requested:
            self._stop(Ending.STOPPED)

    def _stop(self, ending: Ending) -> None:
        """Ask the program and its workers to end; who has not done so after the grace time is killed."""
        if self._status is not None or self._kill_at < _NEVER:
            return
        self._ending = ending
        self._stop_at = _NEVER
        self._kill_at = time.monotonic() + self._launch.grace_seconds
        send_to_group(self._pid, signal.SIGTERM)
        for pid in self._fork_server.pids if self._fork_server else ():
            send(pid, signal.SIGTERM)

    def _read_report(self) -> None:
        datagram = self._receive()
        if datagram == b"":
            self._hung_up.add(self._report.fileno())
        elif datagram is not None:
            self._take(messages.stage_or_failure(datagram))

    def _read_last_reports(self) -> None:
        while datagram := self._receive():
            self._take(messages.stage_or_failure(datagram))

    def _receive(self) -> bytes | None:
        try:
            return self._report.recv(messages.LARGEST, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except ConnectionError:
            return b""

    def _take(self, message: str | Failure | None) -> None:
        if isinstance(message, Failure):
            self._failure = message
        elif message is not None:
            self._reporter.stage(message)

    def _serve_workers(self) -> None:
        if self._fork_server is None:
            return
        try:
            goes_on = self._fork_server.handle_request()
        except (ValueError, TypeError, LookupError, OSError) as error:  # the program can send there what it likes
            print(f"the program sent nonsense to the fork server: {error!r}", file=sys.stderr)
            goes_on = False
        if not goes_on:
            self._hung_up.add(self._workers.fileno())

    def _reap(self) -> None:
        for child in reap():
            self._reaped(*child)

    def _reaped(self, pid: int, status: int, usage: struct_rusage) -> None:
        self._usage.add(usage)
        if pid == self._pid:
            self._status = status
        elif not self._deliveries.ended(pid) and self._fork_server is not None:
            self._fork_server.child_exited(pid, status, usage)

    def _outcome(self, wall_seconds: float) -> Outcome:
        code = None if self._status is None else os.waitstatus_to_exitcode(self._status)
        return Outcome(
            ending=self._ending,
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            failure=self._failure,
            wall_seconds=wall_seconds,
            cpu_seconds=self._usage.cpu_seconds,
            peak_memory=self._usage.peak_memory,
        )
