"""Routes about the versions of a function. They extend the contract."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from treadle.api.answers import JsonAnswer
from treadle.api.bodies import VersionChoice, documented, read_body
from treadle.api.callers import ByUser
from treadle.api.v1.shapes import function_shape, manifest_shape, version_shape

router = APIRouter(prefix="/api/v1/programs/{function_id}", tags=["versions"])


class RollBackBody(BaseModel):
    """The version that new jobs shall run: its number or its label."""

    version: VersionChoice


@router.get("/versions/")
async def list_versions(function_id: str, call: ByUser) -> JsonAnswer:
    """Return all versions of one of the caller's functions, the newest first."""
    versions = await call.platform.versions.all(call.user, function_id)
    return JsonAnswer([version_shape(version) for version in versions])


@router.get("/versions/{version}/files/")
async def list_files(function_id: str, version: str, call: ByUser) -> JsonAnswer:
    """Return the files of a version, which is named by number or label, or is the `current` one."""
    found, files = await call.platform.versions.files(call.user, function_id, version)
    return JsonAnswer(manifest_shape(found, files))


@router.get("/versions/{version}/file/", response_class=Response)
async def get_file(function_id: str, version: str, path: str, call: ByUser) -> Response:
    """Return the content of one file of a version."""
    content = await call.platform.versions.file(call.user, function_id, version, path)
    return Response(content, media_type="application/octet-stream")


@router.post("/rollback/", openapi_extra=documented(RollBackBody))
async def roll_back(request: Request, function_id: str, call: ByUser) -> JsonAnswer:
    """Let new jobs of one of the caller's functions run an older version again."""
    body = await read_body(request, RollBackBody)
    return JsonAnswer(function_shape(await call.platform.versions.roll_back(call.user, function_id, body.version)))
