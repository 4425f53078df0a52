"""What the platform tells a supervisor: the one document it is started with."""

import json
from dataclasses import asdict, dataclass

from treadle.domain.budget import Budget

HEARTBEAT_SECONDS = 4.0
"""Usual time between two signs of life of a supervisor: shorter than the 5 s after which uvicorn closes an idle connection."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One attempt at a job, ready to start on an engine.

    Attributes:
        job_id: The job.
        attempt: Number of the attempt, from 1; the fence of everything the supervisor writes.
        gateway_url: Base URL of the gateway, without a trailing slash.
        token: The job's own token, good for this attempt only.
        entrypoint: Path of the program inside the artifact, e.g. ``main.py``.
        artifact_digest: SHA-256 of the artifact in hexadecimal; the key of the machine's artifact cache.
        data_path: The folder the program finds at ``DATA_PATH``; None where files are brought to it and sent back.
        variables: Environment variables of the function and of the job.
        budget: What the job may use.
        grace_seconds: Time between SIGTERM and SIGKILL when the job is cancelled.
        wall_seconds: Longest run of the program, or None for no limit.
        function_data_path: The folder of the function's provider, None for a function without one.
        delivery_seconds: Time between two deliveries of what the running program has changed among files brought to it.
        has_function_space: Whether the function's provider keeps files for it, wherever they are.
        environment: Digest of the environment it runs in, or None for the platform's own.
        environment_token: Opens the lock of that environment, for a machine that has to build it.
        heartbeat_seconds: Time between two signs of life of the supervisor.
    """

    job_id: str
    attempt: int
    gateway_url: str
    token: str
    entrypoint: str
    artifact_digest: str
    data_path: str | None
    variables: dict[str, str]
    budget: Budget
    grace_seconds: float
    wall_seconds: float | None = None
    function_data_path: str | None = None
    has_function_space: bool = False
    delivery_seconds: float = 10.0
    environment: str | None = None
    environment_token: str | None = None
    heartbeat_seconds: float = HEARTBEAT_SECONDS

    def to_json(self) -> str:
        """Return the launch as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Launch":
        """Read a launch that `to_json` wrote."""
        fields = json.loads(text)
        return cls(**{**fields, "budget": Budget(**fields["budget"])})
