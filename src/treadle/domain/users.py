"""Users, and what identifies the caller of a request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may use the platform."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class JobIdentity:
    """A supervisor, as its job token identifies it: good for one attempt at one job."""

    job_id: str
    attempt: int
