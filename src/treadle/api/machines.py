"""Routes for the machines on which programs run, whatever job they run."""

from fastapi import APIRouter, Request

from treadle.api.answers import JsonAnswer
from treadle.api.callers import token_of
from treadle.api.platform import platform_of

router = APIRouter(prefix="/api/runner/v1/environments/{digest}", tags=["runner"])


@router.get("/")
async def lock(digest: str, request: Request) -> JsonAnswer:
    """Return the lock of an environment: what to install, with all hashes."""
    platform = platform_of(request)
    platform.access.check_environment_token(token_of(request), digest)
    return JsonAnswer({"digest": digest, "lock": (await platform.environments.lock(digest)).text})
