"""What a supervisor tells the gateway: in order, kept until it is accepted, resent after trouble."""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from treadle.runner.gateway import (
    AttemptOverError,
    Call,
    Gateway,
    GatewayAwayError,
    RefusedError,
    answer_object,
)

_LOG_INTERVAL = (
    0.05  # the log of a program that prints all the time is sent this often, unless the gateway wants longer pauses
)
_LONGEST_LOG_INTERVAL = 30.0
_LOG_PART = 1 << 20
_ANSWER_SECONDS = 10.0
_MOST_STAGES = 1000


class LogTail:
    """The part of a program's log that the gateway does not have yet."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._sent = 0
        self._closed = False

    @property
    def waiting(self) -> bool:
        """Whether there is something to send."""
        return not self._closed and os.fstat(self._descriptor).st_size > self._sent

    @property
    def has_full_part(self) -> bool:
        """Whether there is so much to send that waiting for more would make no larger part."""
        return not self._closed and os.fstat(self._descriptor).st_size - self._sent >= _LOG_PART

    def part(self) -> Call:
        """Return the call that sends the next part."""
        data = os.pread(self._descriptor, _LOG_PART, self._sent)
        return Call("PUT", f"logs?offset={self._sent}", data)

    def sent(self, answer: dict[str, Any]) -> None:
        """Go on from where the gateway's copy ends; stop if it takes no more."""
        length = answer.get("length")
        if not isinstance(length, int) or length == self._sent:
            self.close("it did not grow")
        else:
            self._sent = length

    def close(self, reason: str) -> None:
        """Send nothing more."""
        print(f"the gateway takes no more of the log after {self._sent} bytes: {reason}", file=sys.stderr)
        self._closed = True


@dataclass(frozen=True, slots=True)
class _Report:
    """A call with what is to be done when it is accepted or refused for good."""

    call: Call
    accepted: Callable[[dict[str, Any]], None]
    refused: Callable[[str], None]


class Reporter:
    """Sends reports from an event loop without ever waiting for an answer.

    The loop watches `gateway` while `answer_pending`, calls `receive` when it is readable, and `step` at `due` and after
    anything that gives reason to report.

    Attributes:
        gateway: The connection.
        over: The gateway wants nothing more from this attempt.
        stop_requested: The gateway wants the program to be stopped.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.over = False
        self.stop_requested = False
        self._log: LogTail | None = None
        self._queue: deque[Call] = deque()
        self._in_flight: _Report | None = None
        self._answer_due = 0.0
        self._log_due = 0.0
        self._flushing = False
        self._heartbeat_due = 0.0

    def follow(self, log: LogTail) -> None:
        """Send the program's log from now on."""
        self._log = log
        self._heartbeat_due = time.monotonic() + self.gateway.heartbeat_seconds

    def started(self, log: LogTail) -> None:
        """Report that the program runs, as a supervisor that was lost may not have done, and send its log from now on."""
        self.follow(log)
        self._queue.append(Call("POST", "started"))

    def stage(self, sub_status: str) -> None:
        """Report the stage of the program. Beyond a thousand unsent ones, the oldest is dropped."""
        if len(self._queue) > _MOST_STAGES:
            del self._queue[1]  # not the first, which may be in flight
        self._queue.append(Call("POST", "status", json.dumps({"sub_status": sub_status}).encode()))

    @property
    def answer_pending(self) -> bool:
        """Whether a call was sent and its answer has not come."""
        return self._in_flight is not None

    @property
    def log_ready(self) -> bool:
        """Whether new lines could be sent right now: only then is it of use to be woken by them."""
        now = time.monotonic()
        return self._in_flight is None and now >= self._log_due and now >= self.gateway.retry_at

    def due(self) -> float:
        """Return the time (`time.monotonic`) at which to call `step`."""
        now = time.monotonic()
        if self.over:
            return float("inf")
        if self._in_flight:
            return self._answer_due
        if self.gateway.retry_at > now:
            return self.gateway.retry_at  # nothing can be sent before, however long it is overdue
        return min(self._heartbeat_due, self._log_due) if self._log_due > now else self._heartbeat_due

    def step(self) -> None:
        """Send what is next, if anything is and the gateway is not given a pause."""
        now = time.monotonic()
        if self._in_flight and now >= self._answer_due:
            self._in_flight = None
            self.gateway.give_up()
        if self.over or self._in_flight or now < self.gateway.retry_at:
            return
        report = self._next(now)
        if report is not None:
            self._send(report)

    def receive(self) -> None:
        """Take the answer that has arrived."""
        report, self._in_flight = self._in_flight, None
        if report is None:
            return
        try:
            answer = answer_object(self.gateway.finish())
        except GatewayAwayError:
            return
        except AttemptOverError:
            self.over = True
            return
        except RefusedError as refusal:
            report.refused(str(refusal))
            return
        self.stop_requested |= answer.get("stop") is True
        report.accepted(answer)

    def flush(self, pause: Callable[[float], object]) -> None:
        """Send all reports but heartbeats, waiting for each answer.

        Args:
            pause: Waits for so many seconds, or less.

        Raises:
            AttemptOverError: The gateway wants nothing more from this attempt.
        """
        if self._in_flight:
            self.receive()
        self._heartbeat_due = float("inf")
        self._log_due = 0.0
        self._flushing = True
        while not self.over and (report := self._next(time.monotonic())):
            pause(max(0.0, self.gateway.retry_at - time.monotonic()))
            if time.monotonic() >= self.gateway.retry_at:
                self._send(report)
                self.receive()
        if self.over:
            raise AttemptOverError("the gateway has closed this attempt", 409)

    def _send(self, report: _Report) -> None:
        try:
            self.gateway.begin(report.call)
        except GatewayAwayError:
            return
        self._in_flight = report
        self._answer_due = time.monotonic() + _ANSWER_SECONDS

    def _next(self, now: float) -> _Report | None:
        if self._queue:
            return _Report(self._queue[0], self._queued_sent, self._queued_refused)
        if self._log and now >= self._log_due and self._log.waiting:
            return _Report(self._log.part(), self._log_sent, self._log.close)
        if now >= self._heartbeat_due:
            return _Report(Call("POST", "heartbeat"), self._heart_beaten, self._heartbeat_refused)
        return None

    def _queued_sent(self, answer: dict[str, Any]) -> None:
        self._queue.popleft()

    def _queued_refused(self, reason: str) -> None:
        call = self._queue.popleft()
        print(f"the gateway refused {call.path} {call.body!r}: {reason}", file=sys.stderr)

    def _log_sent(self, answer: dict[str, Any]) -> None:
        assert self._log is not None  # noqa: S101  (it was sent)
        self._log.sent(answer)
        at_once = self._flushing or self._log.has_full_part
        self._log_due = time.monotonic() + (0.0 if at_once else _log_interval(answer.get("pause")))

    def _heart_beaten(self, answer: dict[str, Any]) -> None:
        self._heartbeat_due = time.monotonic() + self.gateway.heartbeat_seconds

    def _heartbeat_refused(self, reason: str) -> None:
        self._heart_beaten({})


def _log_interval(wanted: object) -> float:
    """Return how long to wait with the next part of a log when the gateway wants a pause."""
    return (
        min(max(float(wanted), _LOG_INTERVAL), _LONGEST_LOG_INTERVAL)
        if isinstance(wanted, int | float)
        else _LOG_INTERVAL
    )
