"""Jobs: their records."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from treadle.domain.lifecycle import JobState, JobStatus
from treadle.domain.providers import Provider


class BusinessModel(StrEnum):
    """On whose account a job runs."""

    SUBSIDIZED = "SUBSIDIZED"
    TRIAL = "TRIAL"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an attempt is.

    Attributes:
        engine: Name of the engine it runs on.
        dispatcher: The dispatcher that holds the job: it alone starts, recovers and gives up the attempt.
    """

    engine: str
    dispatcher: str


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a function.

    Attributes:
        id: Identifier.
        author_id: Who submitted it.
        function_id: The function it runs.
        function_title: Title of the function.
        version_id: The function version it is pinned to.
        created: When it was accepted.
        state: Where it stands in the life cycle.
        cause: Why it failed, as `treadle.domain.causes.Cause` in JSON form.
        provider: Provider of the function, None for a function of its author alone.
        compute_profile: The profile it runs with, None for the platform's usual budget.
        function_size: The size of the function it runs at, None where the function has none.
        business_model: On whose account it runs.
        config: Workers the user asked for, for engines that scale.
        placement: Where its latest attempt is or was; None before the first, while it waits for another one, and for jobs of
            releases that kept no such record.
        lease_until: When its attempt counts as silent; None for a job that is on no engine.
    """

    id: str
    author_id: str
    function_id: str
    function_title: str
    version_id: str
    created: datetime
    state: JobState
    cause: dict[str, Any] | None = None
    provider: Provider | None = None
    compute_profile: str | None = None
    function_size: str | None = None
    business_model: BusinessModel = BusinessModel.SUBSIDIZED
    config: dict[str, Any] = field(default_factory=dict)
    placement: Placement | None = None
    lease_until: datetime | None = None

    @property
    def status(self) -> JobStatus:
        """Its status."""
        return self.state.status


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a user may ask for with a run, besides function and arguments.

    Attributes:
        version: Number or label of the version to run, which only those may choose who may see the code; None for the
            current one.
        compute_profile: The profile to run with.
        function_size: Label of one of the function's sizes, in place of a profile.
        config: Workers, for engines that scale.
        idempotency_key: The client's own name for this run: the same one again means the same job, not another one.
    """

    version: str | None = None
    compute_profile: str | None = None
    function_size: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None


class EventType(StrEnum):
    """What a row of a job's history tells."""

    STATUS_CHANGE = "STATUS_CHANGE"
    SUB_STATUS_CHANGE = "SUB_STATUS_CHANGE"
    ERROR = "ERROR"


class Origin(StrEnum):
    """Who made a row of a job's history."""

    API = "API"
    SCHEDULER = "SCHEDULER"


class Context(StrEnum):
    """In the course of what a row of a job's history was made."""

    RUN_PROGRAM = "RUN_PROGRAM"
    SCHEDULE_JOBS = "SCHEDULE_JOBS"
    STOP_JOB = "STOP_JOB"
    UPDATE_JOB_STATUS = "UPDATE_JOB_STATUS"
    SET_SUB_STATUS = "SET_SUB_STATUS"
    SEND_ERROR = "SEND_ERROR"


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One row of a job's history.

    Attributes:
        type: What it tells.
        origin: Who made it.
        context: In the course of what.
        data: The particulars.
    """

    type: EventType
    origin: Origin
    context: Context
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row of a job's history with its place in it."""

    number: int
    created: datetime
    record: EventRecord


@dataclass(frozen=True, slots=True)
class RuntimeJob:
    """A job on a quantum computer that the program of a job has started.

    Attributes:
        id: Its identifier at the quantum computer's service.
        session: The session it belongs to, if any.
    """

    id: str
    session: str | None = None


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a listing shows.

    Attributes:
        function: Only jobs of functions with this title.
        provider: Only jobs of functions of the provider with this name.
        function_id: Only jobs of this function.
        of_providers: Only jobs of functions that have a provider, or only of those that have none.
        status: Only jobs with this server status.
        created_after: Only jobs accepted at or after this time.
        limit: At most this many; None for all.
        offset: Leave out this many of the newest.
    """

    function: str | None = None
    provider: str | None = None
    function_id: str | None = None
    of_providers: bool | None = None
    status: str | None = None
    created_after: datetime | None = None
    limit: int | None = 100
    offset: int = 0
