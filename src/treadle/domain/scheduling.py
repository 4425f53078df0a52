"""Which queued jobs go next: a fair share between users, the oldest first within one."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job that waits."""

    id: str
    author_id: str


def choose(queued: Iterable[QueuedJob], active: Mapping[str, int], slots: int) -> list[QueuedJob]:
    """Return the jobs to start now, in order.

    Each slot goes to the user with the fewest jobs on the engine, counting those just chosen; between equals, to the one
    whose next job has waited longest. So nobody starves: a user without a job on the engine is always before one who has some.

    Args:
        queued: Waiting jobs, the oldest first; at least `slots` of each user who has that many.
        active: Jobs on the engine by user id.
        slots: How many may start.
    """
    lines: dict[str, list[QueuedJob]] = {}
    for job in queued:
        lines.setdefault(job.author_id, []).append(job)
    shares = Counter(active)
    chosen: list[QueuedJob] = []
    while lines and len(chosen) < slots:
        author = min(lines, key=lambda user: shares[user])
        chosen.append(lines[author].pop(0))
        shares[author] += 1
        if not lines[author]:
            del lines[author]
    return chosen
