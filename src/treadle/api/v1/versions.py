"""Routes about the versions of a function. They extend the contract."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from treadle.api.answers import JsonAnswer
from treadle.api.bodies import VersionChoice, documented, read_body
from treadle.api.callers import ByUser
from treadle.api.v1.shapes import function_shape, version_shape

router = APIRouter(prefix="/api/v1/programs/{function_id}", tags=["versions"])


class RollBackBody(BaseModel):
    """The version that new jobs shall run: its number or its label."""

    version: VersionChoice


@router.get("/versions/")
async def list_versions(function_id: str, call: ByUser) -> JsonAnswer:
    """Return all versions of one of the caller's functions, the newest first."""
    versions = await call.platform.versions.all(call.user, function_id)
    return JsonAnswer([version_shape(version) for version in versions])


@router.post("/rollback/", openapi_extra=documented(RollBackBody))
async def roll_back(request: Request, function_id: str, call: ByUser) -> JsonAnswer:
    """Let new jobs of one of the caller's functions run an older version again."""
    body = await read_body(request, RollBackBody)
    return JsonAnswer(function_shape(await call.platform.versions.roll_back(call.user, function_id, body.version)))
