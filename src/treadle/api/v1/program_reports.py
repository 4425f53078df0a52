"""Routes of the contract by which programs, and SDKs inside them, report on their own job."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from treadle.api.answers import JsonAnswer
from treadle.api.bodies import documented, read_body
from treadle.api.callers import ByJobOrUser, ByUser
from treadle.api.v1.parameters import JobId
from treadle.api.v1.shapes import job_shape, old_job_shape
from treadle.domain.errors import InvalidError
from treadle.domain.jobs import RuntimeJob
from treadle.domain.lifecycle import SubStatus, stage_of
from treadle.services.program_reports import ReportedError

router = APIRouter(prefix="/api/v1/jobs/{job_id}", tags=["program reports"])

_JOB_KEYS = ("id", "status", "program", "created", "sub_status")


class SubStatusBody(BaseModel):
    """A stage of a job."""

    model_config = ConfigDict(json_schema_extra={"required": ["sub_status"]})

    sub_status: Annotated[JsonValue, Field(json_schema_extra={"type": "string", "enum": list(SubStatus)})] = ""


def _error_type(value: str) -> str:
    if value.upper() != "ERROR":
        raise ValueError("Type is not valid. Valid types: ['ERROR']")
    return value


class EventBody(BaseModel):
    """An error that a program tells of."""

    model_config = ConfigDict(coerce_numbers_to_str=True, str_strip_whitespace=True)

    type: Annotated[str, Field(min_length=1), AfterValidator(_error_type)]
    exception: str = Field(min_length=1)
    code: str = Field(min_length=1)
    message: str = Field(min_length=1)
    args: JsonValue = None


class RuntimeJobBody(BaseModel):
    """A job on a quantum computer that a program has started."""

    runtime_job: str = Field(min_length=1, max_length=255)
    runtime_session: str | None = Field(None, max_length=255)


class ResultBody(BaseModel):
    """A result, as JSON text."""

    result: str


@router.patch("/sub_status/", openapi_extra=documented(SubStatusBody))
async def set_sub_status(request: Request, job_id: JobId, call: ByJobOrUser) -> JsonAnswer:
    """Note which stage the job is in."""
    body = await read_body(request, SubStatusBody)
    if body.sub_status is None:
        raise InvalidError("'sub_status' cannot be null")
    job = await call.platform.program_reports.set_stage(call.user, job_id, stage_of(body.sub_status), call.attempt)
    return JsonAnswer({"job": {name: value for name, value in job_shape(job).items() if name in _JOB_KEYS}})


@router.post("/event/", openapi_extra=documented(EventBody))
async def add_event(request: Request, job_id: JobId, call: ByJobOrUser) -> Response:
    """Add an error to the job's history."""
    body = await read_body(request, EventBody)
    error = ReportedError(body.code, body.message, body.exception, body.args)
    await call.platform.program_reports.add_error(call.user, job_id, error, call.attempt)
    return Response()


@router.get("/runtime_jobs/")
async def list_runtime_jobs(job_id: JobId, call: ByJobOrUser) -> JsonAnswer:
    """Return the jobs on quantum computers that the job has started."""
    runtime_jobs = await call.platform.program_reports.runtime_jobs(call.user, job_id)
    return JsonAnswer({"runtime_jobs": [_runtime_job_shape(each) for each in runtime_jobs]})


@router.post("/runtime_jobs/", openapi_extra=documented(RuntimeJobBody))
async def add_runtime_job(request: Request, job_id: JobId, call: ByJobOrUser) -> JsonAnswer:
    """Note that the job has started a job on a quantum computer."""
    body = await read_body(request, RuntimeJobBody)
    runtime_job = RuntimeJob(body.runtime_job, body.runtime_session or None)
    await call.platform.program_reports.add_runtime_job(call.user, job_id, runtime_job, call.attempt)
    return JsonAnswer({"message": f"RuntimeJob object [{runtime_job.id}] created for serverless job id [{job_id}]."})


@router.post("/result/", openapi_extra=documented(ResultBody), deprecated=True)
async def replace_result(request: Request, job_id: JobId, call: ByUser) -> JsonAnswer:
    """Store a result in the place of what the program saved. Programs save theirs with `save_result`."""
    body = await read_body(request, ResultBody)
    job = await call.platform.program_reports.replace_result(call.user, job_id, body.result)
    return JsonAnswer(old_job_shape(job, await call.platform.jobs.version(call.user, job), body.result))


def _runtime_job_shape(runtime_job: RuntimeJob) -> dict[str, Any]:
    return {"runtime_job": runtime_job.id, "runtime_session": runtime_job.session}
