"""The queue in the database: who waits, and whose job is next.

A round of the dispatcher must not take longer when the queue is longer. The counts in `job_counts` say who waits; an index leads
to the first jobs of each user.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, literal_column, or_, select

from treadle.adapters.database.tables import environments, function_versions, job_counts, jobs
from treadle.domain.environments import EnvironmentStatus
from treadle.domain.lifecycle import JobStatus
from treadle.domain.scheduling import ProfileChoice, QueuedJob

_AWAITED = select(environments.c.digest).where(
    or_(
        environments.c.status == EnvironmentStatus.BUILDING,
        environments.c.digest.in_(bindparam("awaited", expanding=True)),
    )
)
_AWAITING_ENVIRONMENT = select(function_versions.c.id).where(function_versions.c.environment_digest.in_(_AWAITED))
_WAITING = select(jobs.c.id, jobs.c.author_id, jobs.c.created).where(
    jobs.c.status == JobStatus.QUEUED, jobs.c.version_id.not_in(_AWAITING_ENVIRONMENT)
)
_OLDEST_FIRST = (jobs.c.created, jobs.c.id)
_SOME = job_counts.c.count > literal_column("0")  # written out, so that SQLite too sees that the partial index serves
_WAITING_USERS = (
    select(job_counts.c.author_id).where(job_counts.c.status == JobStatus.QUEUED, _SOME).distinct().subquery()
)
_COUNT_BY_AUTHOR = (
    select(job_counts.c.author_id, func.sum(job_counts.c.count))
    .where(job_counts.c.status.in_(bindparam("statuses", expanding=True)), _SOME)
    .group_by(job_counts.c.author_id)
)
_COUNT_OF_AUTHOR = select(func.coalesce(func.sum(job_counts.c.count), 0)).where(
    job_counts.c.author_id == bindparam("author_id"),
    job_counts.c.status.in_(bindparam("statuses", expanding=True)),
)


def next_of_each_user(connection: Connection, profiles: ProfileChoice, awaited: Collection[str]) -> list[QueuedJob]:
    """Return of each user the job that has waited longest and whose environment is not being built, the oldest first."""
    return [QueuedJob(*row) for row in connection.execute(_next_of_each_user(profiles), {"awaited": list(awaited)})]


def queued(
    connection: Connection,
    author_ids: Iterable[str],
    per_author: int,
    profiles: ProfileChoice,
    awaited: Collection[str],
) -> list[QueuedJob]:
    """Return waiting jobs of these users whose environment is not being built, the oldest first."""
    statement = _queued(profiles)
    limits = {"limit": per_author, "awaited": list(awaited)}
    waiting = [
        QueuedJob(*row)
        for author_id in author_ids
        for row in connection.execute(statement, {"author_id": author_id, **limits})
    ]
    return sorted(waiting, key=lambda job: (job.created, job.id))


@cache
def _next_of_each_user(profiles: ProfileChoice) -> Select[Any]:
    first = (
        select(jobs.c.id)
        .where(
            jobs.c.status == JobStatus.QUEUED,
            jobs.c.author_id == _WAITING_USERS.c.author_id,
            jobs.c.version_id.not_in(_AWAITING_ENVIRONMENT),
            *_with(profiles),
        )
        .order_by(*_OLDEST_FIRST)
        .limit(1)
        .correlate(_WAITING_USERS)
        .scalar_subquery()
    )
    # As it stands: PostgreSQL would ask for the first job twice, and look it up in the whole table.
    firsts = select(first.label("id")).select_from(_WAITING_USERS).cte("firsts").prefix_with("MATERIALIZED")
    of_each = select(jobs.c.id, jobs.c.author_id, jobs.c.created).join(firsts, firsts.c.id == jobs.c.id)
    return of_each.order_by(*_OLDEST_FIRST)


@cache
def _queued(profiles: ProfileChoice) -> Select[Any]:
    of_user = _WAITING.where(jobs.c.author_id == bindparam("author_id"), *_with(profiles))
    return of_user.order_by(*_OLDEST_FIRST).limit(bindparam("limit"))


def _with(profiles: ProfileChoice) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if profiles.only is not None:
        conditions.append(jobs.c.compute_profile.in_(profiles.only))
    if profiles.without:
        profile = jobs.c.compute_profile
        conditions.append(or_(profile.is_(None), profile.not_in(profiles.without)))
    return conditions


def count_by_author(connection: Connection, statuses: Iterable[JobStatus]) -> Counter[str]:
    """Return how many jobs each user has in these statuses."""
    rows = connection.execute(_COUNT_BY_AUTHOR, {"statuses": list(statuses)})
    return Counter({author_id: int(count) for author_id, count in rows})


def count_of_author(connection: Connection, author_id: str, statuses: Iterable[JobStatus]) -> int:
    """Return how many jobs a user has in these statuses."""
    parameters = {"author_id": author_id, "statuses": list(statuses)}
    return int(connection.execute(_COUNT_OF_AUTHOR, parameters).scalar_one())
