"""Routes of the contract about jobs, and the stream of a job."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel

from treadle.api.answers import JsonAnswer, text_answer
from treadle.api.bodies import documented, read_body
from treadle.api.callers import ByJobOrUser, ByUser
from treadle.api.v1.names import Name
from treadle.api.v1.parameters import ByLocation, Count, Encoding, JobId, Kind, Time
from treadle.api.v1.shapes import event_shape, job_shape, job_shape_with_result, listed_job_shape
from treadle.api.value_answers import answer_with_result, location_answer, result_answer
from treadle.domain.access import owns
from treadle.domain.errors import InvalidError
from treadle.domain.jobs import EventType, JobFilter
from treadle.services.jobs import JobPage
from treadle.services.quantum_stops import account_of
from treadle.services.streams import Position, StreamEvent

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])


class StopBody(BaseModel):
    """How to stop a job: `service` is the runtime client's JSON of the service with which to end its QPU jobs.

    Clients up to 0.24 send null where they have none.
    """

    service: str | None = None


def _job_filter(
    function: Name = None,
    provider: Name = None,
    status: Name = None,
    filter: Kind | None = None,
    created_after: Time | None = None,
    limit: Count = 100,
    offset: Count = 0,
) -> JobFilter:
    return JobFilter(
        function=function,
        provider=provider,
        of_providers=None if filter is None else filter == "catalog",
        status=status,
        created_after=created_after,
        limit=limit or None,
        offset=offset,
    )


Filtered = Annotated[JobFilter, Depends(_job_filter)]
"""What the query of a listing asks for. A limit of 0 means no limit."""


@router.get("/")
async def list_jobs(request: Request, call: ByUser, job_filter: Filtered, title: Name = None) -> JsonAnswer:
    """Return a page of the caller's jobs, newest first. A limit of 0 means no limit.

    Clients up to 0.24 name a function by `title`.
    """
    job_filter = replace(job_filter, function=job_filter.function or title)
    return _page(request, await call.platform.jobs.page(call.user, job_filter), job_filter)


@router.get("/provider/")
async def list_provider_jobs(request: Request, call: ByUser, job_filter: Filtered) -> JsonAnswer:
    """Return a page of everybody's jobs at the functions of a provider the caller acts for, newest first."""
    if job_filter.provider is None:
        raise InvalidError("'provider' not provided or is not valid")
    return _page(request, await call.platform.jobs.provider_page(call.user, job_filter), job_filter)


def _page(request: Request, page: JobPage, job_filter: JobFilter) -> JsonAnswer:
    limit, offset = job_filter.limit or 0, job_filter.offset
    return JsonAnswer(
        {
            "count": page.count,
            "next": _page_url(request, limit, offset + limit) if limit and offset + limit < page.count else None,
            "previous": _page_url(request, limit, max(offset - limit, 0)) if offset else None,
            "results": [listed_job_shape(job) for job in page.jobs],
        }
    )


@router.get("/{job_id}/")
async def get_job(job_id: JobId, call: ByJobOrUser, with_result: bool = True, encoding: Encoding = None) -> Response:
    """Return a job of the caller's, or of a provider the caller acts for, who then does not get the result.

    Clients up to 0.24 read the result here, and do not say that they want it.
    """
    job = await call.platform.jobs.get(call.user, job_id)
    if not with_result:
        return JsonAnswer(job_shape(job))
    version = await call.platform.jobs.version(call.user, job)
    stored = await call.platform.jobs.result_of(job) if owns(call.user, job) else None
    if stored is None:
        failure = _why_failed(job.cause) if job.cause and owns(call.user, job) else None
        return JsonAnswer(job_shape_with_result(job, version, failure))
    shape = job_shape_with_result(job, version, None)
    return await answer_with_result(shape, stored, encoding, call.platform.circuits)


@router.get("/{job_id}/result/")
async def get_result(
    request: Request, job_id: JobId, call: ByUser, encoding: Encoding = None, by_location: ByLocation = None
) -> Response:
    """Return what the program saved: its JSON text, to those who know containers also a container; 204 if there is nothing.

    A large one that lies in a store of its own is answered with 302 to there, where its JSON text is the whole answer.
    """
    stored = await call.platform.jobs.result(call.user, job_id)
    if stored is None:
        return Response(status_code=204)
    direct_values = call.platform.direct_values
    if by_location and (url := await direct_values.location(stored)) is not None:
        return location_answer(url, stored)
    return await result_answer(stored, encoding, direct_values, request.url.hostname)


@router.get("/{job_id}/version/")
async def get_version(job_id: JobId, call: ByUser) -> JsonAnswer:
    """Return number and label of the version that a job runs or ran."""
    job = await call.platform.jobs.get(call.user, job_id)
    version = await call.platform.jobs.version(call.user, job)
    return JsonAnswer({"number": version.number, "version": version.version})


@router.get("/{job_id}/logs/")
async def get_logs(job_id: JobId, call: ByUser) -> Response:
    """Return the log so far: all of it, or the public lines of a provider's function."""
    return text_answer({}, "logs", await call.platform.jobs.log(call.user, job_id))


@router.get("/{job_id}/provider-logs/")
async def get_provider_logs(job_id: JobId, call: ByUser) -> Response:
    """Return the log so far without its public lines, to those who act for the provider of the function."""
    return text_answer({}, "logs", await call.platform.jobs.log(call.user, job_id, private=True))


@router.get("/{job_id}/events/")
async def get_events(job_id: JobId, call: ByUser, type: str | None = None) -> JsonAnswer:
    """Return the job's history, newest first."""
    if type not in (None, *EventType):
        raise InvalidError(f"Type is not valid. Valid types: {[str(name) for name in EventType]}")
    events = await call.platform.jobs.events(call.user, job_id, EventType(type) if type else None)
    return JsonAnswer([event_shape(event) for event in events])


@router.post("/{job_id}/stop/", openapi_extra=documented(StopBody))
async def stop(request: Request, job_id: JobId, call: ByUser) -> JsonAnswer:
    """Stop a job, and wait a little for the end of its program."""
    body = await read_body(request, StopBody)
    account = account_of(body.service) if body.service is not None else None
    stopped, _ = await call.platform.jobs.stop(call.user, job_id, call.platform.stop_patience)
    message = "Job has been stopped." if stopped else "Job already in terminal state."
    if body.service is not None:
        message = f"{message} {await call.platform.quantum_stops.stop(call.user, job_id, account)}"
    return JsonAnswer({"message": message})


@router.get("/{job_id}/stream/", response_class=StreamingResponse)
async def stream(
    job_id: JobId,
    call: ByUser,
    logs: bool = False,
    provider_logs: bool = False,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Stream what happens to a job as server-sent events: `status`, `log`, `end`.

    The log is that of `logs/` (with `logs=true`), or that of `provider-logs/` (with `provider_logs=true`).
    """
    position = Position.parse(last_event_id) if last_event_id else Position()
    view = None
    if logs or provider_logs:
        _, view = await call.platform.jobs.log_view(call.user, job_id, private=provider_logs)
    else:
        await call.platform.jobs.get(call.user, job_id)
    events = call.platform.streams.follow(call.user, job_id, position, view)
    return StreamingResponse(_wire(events), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _wire(events: AsyncIterator[StreamEvent]) -> AsyncIterator[bytes]:
    async for event in events:
        if event.name == "keep-alive":
            yield b": keep-alive\n\n"
        else:
            yield format_sse_event(event=event.name, data_str=json.dumps(event.data), id=str(event.position))


def _why_failed(cause: dict[str, Any]) -> str:
    """Say it for clients up to 0.30: they know no events, and show the result of a failed job as its error."""
    return json.dumps(f"{cause['message']} {cause['hint']}")


def _page_url(request: Request, limit: int, offset: int) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in ("limit", "offset")]
    query = urlencode([*kept, ("limit", limit), ("offset", offset)])
    return f"{str(request.url).partition('?')[0]}?{query}"
