"""Which queued jobs go next: a fair share between users, the oldest first within one."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job that waits.

    Attributes:
        id: The job.
        author_id: Whose it is.
        created: Since when it waits.
    """

    id: str
    author_id: str
    created: datetime


def first_users(next_jobs: Iterable[QueuedJob], active: Mapping[str, int], slots: int) -> list[str]:
    """Return the users to whom slots can go. There are at most as many of them as slots, however many wait.

    Args:
        next_jobs: The job of each user that has waited longest.
        active: Jobs on the engine by user id.
        slots: How many may start.
    """
    foremost = heapq.nsmallest(slots, next_jobs, key=lambda job: (active.get(job.author_id, 0), job.created, job.id))
    return [job.author_id for job in foremost]


@dataclass(frozen=True, slots=True)
class ProfileChoice:
    """Which jobs an engine takes, by their compute profiles.

    Attributes:
        only: Jobs with one of these profiles; None for all.
        without: But not jobs with one of these.
    """

    only: frozenset[str] | None = None
    without: frozenset[str] = frozenset()


ALL_PROFILES = ProfileChoice()


def choose(queued: Iterable[QueuedJob], active: Mapping[str, int], slots: int) -> list[QueuedJob]:
    """Return the jobs to start now, in order.

    Each slot goes to the user with the fewest jobs on the engine, counting those just chosen; between equals, to the one
    whose next job has waited longest. So nobody starves: a user without a job on the engine is always before one who has some.

    Args:
        queued: Waiting jobs, the oldest first; of each of the `first_users` at least `slots`, or all there are.
        active: Jobs on the engine by user id.
        slots: How many may start.
    """
    lines: dict[str, list[QueuedJob]] = {}
    for job in queued:
        lines.setdefault(job.author_id, []).append(job)
    foremost = [(active.get(author, 0), line[0].created, line[0].id, author, 0) for author, line in lines.items()]
    heapq.heapify(foremost)
    chosen: list[QueuedJob] = []
    while foremost and len(chosen) < slots:
        share, _, _, author, place = heapq.heappop(foremost)
        line = lines[author]
        chosen.append(line[place])
        if place + 1 < len(line):
            following = line[place + 1]
            heapq.heappush(foremost, (share + 1, following.created, following.id, author, place + 1))
    return chosen
