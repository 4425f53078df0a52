"""Routes about what functions may ask for, which the contract has, and about their environments, which extend it."""

from fastapi import APIRouter

from treadle.api.answers import JsonAnswer
from treadle.api.callers import ByUser
from treadle.api.v1.shapes import environment_shape, own_environment_shape

router = APIRouter(prefix="/api/v1", tags=["environments"])

_ENVIRONMENT = "/programs/{function_id}/versions/{version}/environment/"


@router.get("/dependencies-versions/")
async def dependencies_versions(call: ByUser) -> JsonAnswer:
    """Return the requirements from which functions may choose; empty if they may ask for anything."""
    return JsonAnswer(call.platform.environments.allowed())


@router.get(_ENVIRONMENT)
async def get_environment(function_id: str, version: str, call: ByUser) -> JsonAnswer:
    """Return the environment of a version, which is named by number or label, or is the `current` one."""
    digest = (await call.platform.versions.get(call.user, function_id, version)).environment_digest
    if digest is None:
        return JsonAnswer(own_environment_shape())
    return JsonAnswer(environment_shape(*await call.platform.environments.show(digest)))


@router.post(_ENVIRONMENT)
async def build_environment(function_id: str, version: str, call: ByUser) -> JsonAnswer:
    """Have the environment of a version built again if its build has failed."""
    digest = (await call.platform.versions.get(call.user, function_id, version)).environment_digest
    if digest is None:
        return JsonAnswer(own_environment_shape())
    await call.platform.environments.build_again(digest)
    return JsonAnswer(environment_shape(*await call.platform.environments.show(digest)))
