# Made from aio/watching.py by `make sdk`. Change it there.
"""Watching a job: its stream of events where the gateway has one, else asking again and again."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from qiskit_serverless.connections import Patience
from qiskit_serverless.exceptions import GatewayConnectionError, GatewayError, NotFoundError, WaitTimeoutError
from qiskit_serverless.records import JobUpdate
from qiskit_serverless.statuses import TERMINAL, shown
from qiskit_serverless.sync.transport import Transport

_QUIET_SECONDS = 45.0  # the gateway sends a sign of life every 15 s
_QUIET_SECONDS_BEFORE_DEADLINE = 10.0  # shorter than that, so that a sign of life does not hide that time is up
_LATE_SECONDS = 1.0  # by which a timeout may be late when events come until the end
_INSTANT = 0.001
_SERVER_ERROR = 500
_PATIENCE = Patience(first_pause=0.05, longest_pause=2.0, in_all=120.0)
_FIRST_QUESTION = 0.1
_MORE_SECONDS = 1.2


@dataclass(slots=True)
class JobWatch:
    """One watch over one job.

    Attributes:
        transport: The way to the gateway.
        path: Path of the job on the gateway.
        read_log: Returns the log so far; None to do without.
        cadence: Longest pause between two questions to a gateway that cannot stream, in seconds.
        timeout: Seconds after which to give up, None for never.
        patience: How long to go on while the gateway is away.
        log_name: What the stream calls the log that is wanted: ``logs``, or ``provider_logs``.
    """

    transport: Transport
    path: str
    read_log: Callable[[], str] | None
    cadence: float
    timeout: float | None
    patience: Patience = _PATIENCE
    log_name: str = "logs"
    _deadline: float | None = field(init=False)
    _last_event_id: str = field(init=False, default="")
    _ended: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._deadline = None if self.timeout is None else time.monotonic() + self.timeout

    def updates(self) -> Iterator[JobUpdate]:
        """Yield what happens until the job has ended.

        Raises:
            NotFoundError: There is no such job.
            GatewayConnectionError: The gateway stays away.
            WaitTimeoutError: The job has not ended in time.
        """
        try:
            yield from self._streamed()
        except NotFoundError:  # of the stream or of the job: that shows when the job is asked for
            yield from self._asked_for()

    def _streamed(self) -> Iterator[JobUpdate]:
        """Yield the events of the stream, resuming it whenever it breaks off before its end."""
        pauses = self.patience.pauses()
        while not self._ended:
            opened = time.monotonic()
            broken: GatewayConnectionError | GatewayError = GatewayConnectionError(
                f"{self.transport.url} ended the stream."
            )
            try:
                for update in self._stream_once():
                    pauses = self.patience.pauses()
                    yield update
            except GatewayConnectionError as error:
                broken = error
            except GatewayError as error:
                if error.status_code < _SERVER_ERROR:
                    raise
                broken = error
            if time.monotonic() - opened > self.patience.longest_pause:
                pauses = self.patience.pauses()
            if not self._ended:
                pause = next(pauses, None)
                if pause is None:
                    raise broken
                self._pause(pause)

    def _stream_once(self) -> Iterator[JobUpdate]:
        quiet = min(_QUIET_SECONDS if self._deadline is None else _QUIET_SECONDS_BEFORE_DEADLINE, self._seconds_left())
        query = {self.log_name: "true" if self.read_log else "false"}
        with self.transport.events(f"{self.path}stream/", query, self._last_event_id, max(quiet, _INSTANT)) as events:
            for event in events:
                if event.event == "end":
                    self._ended = True
                    return
                yield JobUpdate.from_event(event.event, json.loads(event.data))
                self._last_event_id = event.id
                if self._seconds_left() < quiet - _LATE_SECONDS:  # listen on, but no longer than there is time
                    return

    def _asked_for(self) -> Iterator[JobUpdate]:
        """Yield what two answers of a gateway that cannot stream tell apart."""
        status, log, pause = "", "", _FIRST_QUESTION
        while status not in TERMINAL:
            if status:
                self._pause(min(pause, self.cadence))
                pause *= _MORE_SECONDS
            before, status = status, self._status()
            if status != before and status not in TERMINAL:
                yield JobUpdate(status=status)
            printed = self.read_log() if self.read_log else ""
            if printed != log:
                yield JobUpdate(log=printed.removeprefix(log))
                log = printed
        yield JobUpdate(status=status)

    def _status(self) -> str:
        answer = self.transport.request("GET", self.path, params={"with_result": "false"})
        record = answer.json()
        return shown(record["status"], record.get("sub_status"))

    def _pause(self, seconds: float) -> None:
        left = self._seconds_left()
        if left <= 0:
            raise WaitTimeoutError(
                f"The job has not ended within {self.timeout} s. It goes on; ask for its result again later."
            )
        time.sleep(min(seconds, left))

    def _seconds_left(self) -> float:
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()
