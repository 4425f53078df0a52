"""Routes for supervisors: the runner protocol of docs/architecture.md."""

import json
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, TypeAdapter, ValidationError

from qiskit_serverless.serialization.qpy_versions import OLDEST
from treadle.api.answers import JsonAnswer
from treadle.api.bodies import documented, read_body
from treadle.api.callers import BySupervisor
from treadle.api.direct_uploads import SizeBody, UploadedBody, upload_answer
from treadle.api.v1.parameters import ByLocation
from treadle.api.value_answers import location_answer, portable_answer, value_answer
from treadle.domain.errors import InvalidError
from treadle.domain.outcome import Outcome
from treadle.services.direct_values import Uploaded

router = APIRouter(prefix="/api/runner/v1/jobs/{job_id}/attempts/{attempt}", tags=["runner"])

_OUTCOME = TypeAdapter(Outcome)


class StageBody(BaseModel):
    """A stage of the program."""

    sub_status: str


@router.get("/artifact/")
async def artifact(call: BySupervisor) -> Response:
    """Return the tar file of the job's function version."""
    return Response(await call.platform.reports.artifact(call.identity), media_type="application/x-tar")


@router.get("/arguments/")
async def arguments(
    call: BySupervisor, qpy: Annotated[int | None, Query(ge=OLDEST)] = None, by_location: ByLocation = None
) -> Response:
    """Return the job's arguments as they were submitted, or with circuits for a Qiskit that reads QPY up to version `qpy`.

    Who asks with ``Treadle-Location: 1`` may be told where large ones lie.
    """
    stored = await call.platform.reports.arguments(call.identity)
    if qpy is not None:
        return await portable_answer(stored, call.platform.circuits, qpy)
    url = await call.platform.direct_values.location(stored) if by_location else None
    return value_answer(stored) if url is None else location_answer(url, stored)


@router.post("/started/")
async def started(call: BySupervisor) -> JsonAnswer:
    """Note that the program runs."""
    return JsonAnswer({"stop": await call.platform.reports.started(call.identity)})


@router.post("/heartbeat/")
async def heartbeat(call: BySupervisor) -> JsonAnswer:
    """Note that the attempt is alive."""
    return JsonAnswer({"stop": await call.platform.reports.heartbeat(call.identity)})


@router.post("/status/", openapi_extra=documented(StageBody))
async def stage(request: Request, call: BySupervisor) -> JsonAnswer:
    """Note which stage the program is in."""
    body = await read_body(request, StageBody)
    await call.platform.reports.stage(call.identity, body.sub_status)
    return JsonAnswer({})


@router.put("/logs/")
async def logs(request: Request, call: BySupervisor, offset: Annotated[int, Query(ge=0)]) -> JsonAnswer:
    """Store a part of the log."""
    length, pause = await call.platform.reports.append_log(call.identity, offset, await request.body())
    return JsonAnswer({"length": length, "pause": pause})


@router.put("/result/")
async def result(request: Request, call: BySupervisor) -> JsonAnswer:
    """Store the result."""
    blocks = request.stream()
    try:
        await call.platform.reports.save_result(call.identity, blocks)
    finally:
        async for _ in blocks:  # a supervisor that is refused hears of it only when it has sent everything
            pass
    return JsonAnswer({})


@router.post("/result/upload/", openapi_extra=documented(SizeBody))
async def begin_result(request: Request, call: BySupervisor) -> JsonAnswer:
    """Begin to take a large result past the gateway: where to put its parts, or nothing if it has to come here."""
    body = await read_body(request, SizeBody)
    begun = await call.platform.reports.begin_result(call.identity, body.size)
    return JsonAnswer({}) if begun is None else upload_answer(begun)


@router.post("/result/commit/", openapi_extra=documented(UploadedBody))
async def commit_result(request: Request, call: BySupervisor) -> JsonAnswer:
    """Take what was uploaded as the result."""
    body = await read_body(request, UploadedBody)
    await call.platform.reports.commit_result(call.identity, Uploaded(body.upload, body.parts))
    return JsonAnswer({})


@router.post("/finished/")
async def finished(request: Request, call: BySupervisor) -> JsonAnswer:
    """Note the end of the attempt."""
    await call.platform.reports.finished(call.identity, _outcome(await request.body()))
    return JsonAnswer({})


def _outcome(body: bytes) -> Outcome:
    """Read an outcome. The program holds the token of its attempt, so that anything may come here."""
    try:
        fields = json.loads(body)
        json.dumps(fields, allow_nan=False)  # parts of it are shown to users, and NaN is not JSON
        return _OUTCOME.validate_python(fields)
    except (ValidationError, ValueError, RecursionError) as error:
        raise InvalidError(f"This is not an outcome: {error}.") from error
