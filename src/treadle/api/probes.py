"""Routes for probes: no token needed."""

from fastapi import APIRouter, Request

from treadle.api.answers import JsonAnswer
from treadle.api.platform import platform_of

router = APIRouter(tags=["probes"])


@router.get("/readiness/")
async def readiness(request: Request) -> JsonAnswer:
    """Tell whether the platform can take work."""
    trouble = platform_of(request).is_ready()
    if trouble is not None:
        return JsonAnswer({"status": trouble}, 503)
    return JsonAnswer({"status": "ready"})


@router.get("/liveness/")
async def liveness() -> JsonAnswer:
    """Tell that the process answers."""
    return JsonAnswer({"status": "alive"})


@router.get("/version/")
async def version(request: Request) -> JsonAnswer:
    """Tell the version of the platform."""
    return JsonAnswer({"version": platform_of(request).version})
