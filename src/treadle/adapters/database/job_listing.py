"""Listings of jobs, of which a user may have very many: nothing here reads rows that are not shown.

How many jobs match is kept, in `job_counts`, by the transactions that add jobs and change their status. Which ones a page shows
comes from an index alone; then their rows are read.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, insert, select, update

from treadle.adapters.database.tables import functions, job_counts, jobs, providers
from treadle.domain.jobs import JobFilter
from treadle.domain.lifecycle import JobStatus

NEWEST_FIRST = (jobs.c.created.desc(), jobs.c.id.desc())

_KEY = (
    job_counts.c.author_id == bindparam("of_author"),
    job_counts.c.function_id == bindparam("of_function"),
    job_counts.c.status == bindparam("of_status"),
)
_ADD_TO_COUNT = update(job_counts).where(*_KEY).values(count=job_counts.c.count + bindparam("more"))
_OWNER = select(jobs.c.author_id, jobs.c.function_id).where(jobs.c.id == bindparam("id"))


def count_added(connection: Connection, author_id: str, function_id: str, status: JobStatus, more: int = 1) -> None:
    """Keep the count when a job gets a status, or loses one (`more` is -1 then)."""
    key = {"of_author": author_id, "of_function": function_id, "of_status": status}
    if connection.execute(_ADD_TO_COUNT, {**key, "more": more}).rowcount == 0:
        row = {"author_id": author_id, "function_id": function_id, "status": status, "count": more}
        connection.execute(insert(job_counts).values(row))


def count_moved(connection: Connection, job_id: str, before: JobStatus, after: JobStatus) -> None:
    """Keep the counts when a job goes from one status to another."""
    if before is not after:
        author_id, function_id = connection.execute(_OWNER, {"id": job_id}).one()
        count_added(connection, author_id, function_id, before, -1)
        count_added(connection, author_id, function_id, after)


def matching(connection: Connection, author_id: str | None, job_filter: JobFilter) -> tuple[int, Select[Any]]:
    """Return how many jobs match, and a statement that selects the ids of those on the page.

    Args:
        connection: Where to ask.
        author_id: Whose jobs; None for everybody's.
        job_filter: Which of them.
    """
    function_ids = _function_ids(connection, author_id, job_filter)
    conditions = _conditions(author_id, job_filter, function_ids)
    page = (
        select(jobs.c.id).where(*conditions).order_by(*NEWEST_FIRST).limit(job_filter.limit).offset(job_filter.offset)
    )
    counted = _kept_count(author_id, job_filter, function_ids)
    if job_filter.created_after is not None:
        counted = select(func.count()).select_from(jobs).where(*conditions)
    return connection.execute(counted).scalar_one(), page


def _function_ids(connection: Connection, author_id: str | None, job_filter: JobFilter) -> list[str] | None:
    """Return the functions that the filter means, of which there are jobs; None if it means all of them."""
    conditions = _function_conditions(job_filter)
    if not conditions:
        return None
    statement = (
        select(job_counts.c.function_id, and_(*conditions))
        .distinct()
        .join(functions, functions.c.id == job_counts.c.function_id)
        .outerjoin(providers, providers.c.id == functions.c.provider_id)
    )
    if author_id is None:
        return [function_id for function_id, _ in connection.execute(statement.where(*conditions))]
    known = connection.execute(statement.where(job_counts.c.author_id == author_id)).all()
    meant = [function_id for function_id, is_meant in known if is_meant]
    return meant if len(meant) < len(known) else None


def _function_conditions(job_filter: JobFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if job_filter.function is not None:
        conditions.append(functions.c.title == job_filter.function)
    if job_filter.provider is not None:
        conditions.append(providers.c.name == job_filter.provider)
    if job_filter.function_id is not None:
        conditions.append(functions.c.id == job_filter.function_id)
    if job_filter.of_providers is not None:
        none = functions.c.provider_id.is_(None)
        conditions.append(~none if job_filter.of_providers else none)
    return conditions


def _conditions(
    author_id: str | None, job_filter: JobFilter, function_ids: list[str] | None
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if author_id is not None:
        conditions.append(jobs.c.author_id == author_id)
    if function_ids is not None:
        one = len(function_ids) == 1  # by which an index can be read in order
        conditions.append(jobs.c.function_id == function_ids[0] if one else jobs.c.function_id.in_(function_ids))
    if job_filter.status is not None:
        conditions.append(jobs.c.status == job_filter.status)
    if job_filter.created_after is not None:
        conditions.append(jobs.c.created >= job_filter.created_after)
    return conditions


def _kept_count(author_id: str | None, job_filter: JobFilter, function_ids: list[str] | None) -> Select[Any]:
    statement = select(func.coalesce(func.sum(job_counts.c.count), 0))
    if author_id is not None:
        statement = statement.where(job_counts.c.author_id == author_id)
    if function_ids is not None:
        statement = statement.where(job_counts.c.function_id.in_(function_ids))
    if job_filter.status is not None:
        statement = statement.where(job_counts.c.status == job_filter.status)
    return statement
