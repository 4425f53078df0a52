"""Compute profiles: an extension of the contract."""

from fastapi import APIRouter

from treadle.api.answers import JsonAnswer
from treadle.api.callers import ByUser

router = APIRouter(prefix="/api/v1/compute-profiles", tags=["compute profiles"])


@router.get("/")
async def list_profiles(call: ByUser) -> JsonAnswer:
    """Return the compute profiles that jobs may ask for; `mem` is in bytes."""
    profiles = call.platform.profiles
    return JsonAnswer(
        [
            {
                "name": name,
                "cpu": budget.cpu,
                "mem": budget.mem,
                "gpu": budget.gpu,
                "default": name == profiles.default,
            }
            for name, budget in profiles.budgets.items()
        ]
    )
