"""Who is calling: dependencies that make it visible in a route's signature."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from treadle.api.platform import Platform, platform_of
from treadle.domain.errors import NotFoundError, UnauthenticatedError
from treadle.domain.users import JobIdentity, User


@dataclass(frozen=True, slots=True)
class UserCall:
    """A request of a user.

    Attributes:
        user: Who calls.
        platform: The services.
        attempt: The attempt on whose behalf its program calls; None for the user in person.
    """

    user: User
    platform: Platform
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class SupervisorCall:
    """A request of the supervisor of the attempt that the path names.

    Attributes:
        identity: The attempt.
        platform: The services.
    """

    identity: JobIdentity
    platform: Platform


def token_of(request: Request) -> str:
    """Return the token of a request: the last word of its Authorization header, whatever the scheme.

    Raises:
        UnauthenticatedError: There is none.
    """
    words = request.headers.get("authorization", "").split()
    if not words:
        raise UnauthenticatedError("Authorization token was not provided.")
    return words[-1]


async def _user_call(request: Request) -> UserCall:
    platform = platform_of(request)
    return UserCall(await platform.access.authenticate(token_of(request)), platform)


async def _job_or_user_call(request: Request, job_id: str) -> UserCall:
    platform = platform_of(request)
    user, attempt = await platform.access.acting_user(token_of(request), job_id)
    return UserCall(user, platform, attempt)


async def _supervisor_call(request: Request, job_id: str, attempt: int) -> SupervisorCall:
    platform = platform_of(request)
    identity = platform.access.job_identity(token_of(request))
    if identity != JobIdentity(job_id, attempt):
        raise NotFoundError(f"Job [{job_id}] not found")
    return SupervisorCall(identity, platform)


ByUser = Annotated[UserCall, Depends(_user_call)]
"""A call that needs the token of a user."""

ByJobOrUser = Annotated[UserCall, Depends(_job_or_user_call)]
"""A call about the job in the path, with the token of a user or of that job."""

BySupervisor = Annotated[SupervisorCall, Depends(_supervisor_call)]
"""A call that needs the job token of the attempt in the path."""
