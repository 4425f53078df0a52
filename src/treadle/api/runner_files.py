"""Routes for the processes of a job about its files: part of the runner protocol of docs/architecture.md."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from qiskit_serverless.spaces.bundles import LARGEST_BUNDLE, MOST_FILES, packed, unpacked
from treadle.api.answers import JsonAnswer
from treadle.api.bodies import documented, read_body
from treadle.api.callers import BySupervisor
from treadle.api.file_answers import file_answer
from treadle.api.v1.files import file_shape
from treadle.domain.errors import InvalidError, TooLargeError
from treadle.services.job_files import SpaceOfJob

router = APIRouter(prefix="/api/runner/v1/jobs/{job_id}/attempts/{attempt}/files/{space}", tags=["runner"])

Name = Annotated[str, Query(min_length=1)]


class Paths(BaseModel):
    """Files by their paths."""

    files: list[str] = Field(max_length=MOST_FILES)


class Digests(BaseModel):
    """The SHA-256 of files by their paths."""

    files: dict[str, str] = Field(max_length=MOST_FILES)


@router.get("/")
async def list_files(call: BySupervisor, space: SpaceOfJob) -> JsonAnswer:
    """Return every file of a space, and how large one may be that is sent."""
    files = await call.platform.job_files.all(call.identity, space)
    return JsonAnswer({"files": [file_shape(file) for file in files], "largest": call.platform.job_files.largest})


@router.get("/content/")
async def content(request: Request, call: BySupervisor, space: SpaceOfJob, file: Name) -> Response:
    """Return the content of a file or a range of it, or lead to where it lies."""
    location = await call.platform.job_files.location(call.identity, space, file)
    if location is not None:
        return RedirectResponse(location, 307)
    return await file_answer(request, await call.platform.job_files.open(call.identity, space, file), "file")


@router.put("/content/")
async def store(request: Request, call: BySupervisor, space: SpaceOfJob, file: Name) -> JsonAnswer:
    """Store a file: the body is its content."""
    blocks = request.stream()
    try:
        stored = await call.platform.job_files.write(call.identity, space, file, blocks)
    finally:
        async for _ in blocks:  # who is refused hears of it only when everything is sent
            pass
    return JsonAnswer(file_shape(stored))


@router.post("/contents/", openapi_extra=documented(Paths))
async def contents(request: Request, call: BySupervisor, space: SpaceOfJob) -> Response:
    """Return small files as a bundle."""
    asked = await read_body(request, Paths)
    found = await call.platform.job_files.read_small(call.identity, space, asked.files)
    return Response(packed(found), media_type="application/octet-stream")


@router.put("/contents/")
async def store_small(request: Request, call: BySupervisor, space: SpaceOfJob) -> JsonAnswer:
    """Store small files: the body is a bundle."""
    await call.platform.job_files.write_small(call.identity, space, _bundle(await request.body()))
    return JsonAnswer({})


@router.post("/removed/", openapi_extra=documented(Digests))
async def removed(request: Request, call: BySupervisor, space: SpaceOfJob) -> JsonAnswer:
    """Remove files that the program has removed, unless somebody has changed them meanwhile."""
    body = await read_body(request, Digests)
    await call.platform.job_files.delete_unchanged(call.identity, space, body.files)
    return JsonAnswer({})


def _bundle(body: bytes) -> dict[str, bytes]:
    try:
        found = unpacked(body)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"This is no bundle of files: {error}.") from error
    files = {path: content for path, content in found.items() if content is not None}
    if len(files) > MOST_FILES or sum(map(len, files.values())) > LARGEST_BUNDLE:
        raise TooLargeError(f"A bundle has at most {MOST_FILES} files and {LARGEST_BUNDLE} bytes.")
    return files
