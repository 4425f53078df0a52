"""What a watcher of a job sees as it happens: statuses and log, in order, without loss or repetition."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from treadle.domain.errors import InvalidError
from treadle.domain.jobs import EventType, Job, StoredEvent
from treadle.domain.lifecycle import TERMINAL
from treadle.domain.logs import LogView
from treadle.domain.users import User
from treadle.ports.logs import LogStore
from treadle.ports.repositories import Database
from treadle.ports.wakeups import WakeUps, job_topic
from treadle.services.jobs import Jobs
from treadle.services.log_tail import LogTail

_KEEP_ALIVE_SECONDS = 15.0
_LONGEST_NUMBER = 18  # digits; databases and files count to 2**63 - 1
_SHOWN = (EventType.STATUS_CHANGE, EventType.SUB_STATUS_CHANGE)


@dataclass(frozen=True, slots=True)
class Position:
    """How far a watcher has seen.

    Attributes:
        event: Number of the last row of the job's history.
        offset: Byte of the log from which to go on.
    """

    event: int = 0
    offset: int = 0

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read a position that `str` made.

        Raises:
            InvalidError: It is not one.
        """
        event, _, offset = text.partition(".")
        if not (event.isdecimal() and offset.isdecimal() and max(len(event), len(offset)) <= _LONGEST_NUMBER):
            raise InvalidError(f"Last-Event-ID {text[:40]!r} is not a position of this stream.")
        return cls(int(event), int(offset))

    def __str__(self) -> str:
        return f"{self.event}.{self.offset}"


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One thing a watcher sees.

    Attributes:
        name: ``status``, ``log``, ``end``, or ``keep-alive``, which only says that the connection lives.
        data: Its content.
        position: Where to go on after it.
    """

    name: str
    data: dict[str, Any]
    position: Position


class JobStreams:
    """Streams of jobs."""

    def __init__(self, jobs: Jobs, database: Database, logs: LogStore, wakeups: WakeUps) -> None:
        self._jobs = jobs
        self._database = database
        self._logs = logs
        self._wakeups = wakeups

    async def follow(
        self, user: User, job_id: str, position: Position, view: LogView | None
    ) -> AsyncIterator[StreamEvent]:
        """Yield what happens to a job from `position` on, until its end or until the platform shuts down.

        Args:
            user: Who watches.
            job_id: The job.
            position: How far the watcher has seen.
            view: Which lines of the log the watcher may see and wants to; None for no log.

        Raises:
            NotFoundError: The user may not know of such a job.
        """
        tail = LogTail(self._logs, job_id, view, position.offset) if view is not None else None
        with self._wakeups.subscribe(job_topic(job_id)) as subscription:
            while not self._wakeups.closed:
                job = await self._jobs.get(user, job_id)  # before the log: a job that has ended has sent all of it
                news = await self._news(job, position, tail)
                for event in news:
                    yield event
                    position = event.position
                if news:
                    continue
                position = _moved(position, tail)
                if job.status in TERMINAL:
                    yield StreamEvent("end", {"status": job.status}, position)
                    return
                if not await subscription.wait(_KEEP_ALIVE_SECONDS):
                    yield StreamEvent("keep-alive", {}, position)

    async def _news(self, job: Job, position: Position, tail: LogTail | None) -> list[StreamEvent]:
        """Return what happened after `position`: stages as they came, then the log, and a final status after all of it."""
        stored = await self._database.read(lambda repositories: repositories.jobs.events(job.id, position.event))
        history = [event for event in stored if event.record.type in _SHOWN]
        running = [event for event in history if event.record.data["status"] not in TERMINAL]
        if not running and tail is not None:
            piece = await tail.next(ended=job.status in TERMINAL)
            position = _moved(position, tail)
            if piece is not None:
                return [StreamEvent("log", {"offset": piece.offset, "text": piece.text}, position)]
        return [_status_event(event, position.offset) for event in running or history]


def _moved(position: Position, tail: LogTail | None) -> Position:
    """Return `position` with how far the log has been read, also over lines that were not shown."""
    return position if tail is None else Position(position.event, tail.offset)


def _status_event(stored: StoredEvent, offset: int) -> StreamEvent:
    data = {"status": stored.record.data["status"], "sub_status": stored.record.data["sub_status"]}
    return StreamEvent("status", data, Position(stored.number, offset))
