"""Routes for probes: no token needed."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from treadle.api.platform import platform_of

router = APIRouter(tags=["probes"])


@router.get("/readiness/")
async def readiness(request: Request) -> JSONResponse:
    """Tell whether the platform can take work."""
    trouble = platform_of(request).is_ready()
    if trouble is not None:
        return JSONResponse({"status": trouble}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/liveness/")
async def liveness() -> JSONResponse:
    """Tell that the process answers."""
    return JSONResponse({"status": "alive"})


@router.get("/version/")
async def version(request: Request) -> JSONResponse:
    """Tell the version of the platform."""
    return JSONResponse({"version": platform_of(request).version})
