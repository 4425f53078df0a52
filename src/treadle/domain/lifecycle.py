"""The life cycle of a job: a pure function from a state and an event to the next state and what follows from it.

    QUEUED -> PENDING -> RUNNING -> SUCCEEDED | FAILED
       |         |          |
       |         +----------+--> STOPPING -> STOPPED
       +-------------------------------------^

The server is the only judge: runners and clients tell what happened, this module says what it means.
Terminal states never change.
"""

from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto

from treadle.domain.errors import ForbiddenError, InvalidError, StaleAttemptError


class JobStatus(StrEnum):
    """Status of a job, as it stands on the wire."""

    QUEUED = "QUEUED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


class SubStatus(StrEnum):
    """Stage of a running job."""

    MAPPING = "MAPPING"
    OPTIMIZING_HARDWARE = "OPTIMIZING_HARDWARE"
    WAITING_QPU = "WAITING_QPU"
    EXECUTING_QPU = "EXECUTING_QPU"
    POST_PROCESSING = "POST_PROCESSING"


def stage_of(text: object) -> SubStatus:
    """Return the stage called `text`.

    Raises:
        InvalidError: There is no such stage.
    """
    if not isinstance(text, str) or text not in list(SubStatus):
        raise InvalidError("'sub_status' not provided or is not valid")
    return SubStatus(text)


TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.STOPPED})
ON_ENGINE = frozenset({JobStatus.PENDING, JobStatus.RUNNING, JobStatus.STOPPING})
ACTIVE = ON_ENGINE | {JobStatus.QUEUED}


@dataclass(frozen=True, slots=True)
class JobState:
    """What the life cycle knows of a job.

    Attributes:
        status: Its status.
        sub_status: Its stage, shown while it runs.
        attempt: Number of the latest attempt, 0 before the first.
    """

    status: JobStatus = JobStatus.QUEUED
    sub_status: SubStatus | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Claimed:
    """The dispatcher takes the job for a new attempt."""


@dataclass(frozen=True, slots=True)
class Started:
    """The supervisor has started the program."""

    attempt: int


@dataclass(frozen=True, slots=True)
class StageChanged:
    """The program says which stage it is in."""

    attempt: int
    sub_status: SubStatus


@dataclass(frozen=True, slots=True)
class StageSet:
    """The author, or a program by the author's routes, says which stage the job is in."""

    sub_status: SubStatus


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The user wants the job to end."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The program of the attempt has not begun and will not; the job goes back to the queue.

    A program that has begun is never begun again: it may have had effects. So a job that runs stays as it is.
    """

    attempt: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempt is over."""

    attempt: int
    succeeded: bool


Event = Claimed | Started | StageChanged | StageSet | StopRequested | Returned | Ended


class Effect(Enum):
    """What must follow once the new state is stored."""

    STOP_ON_ENGINE = auto()
    """Tell the engine to stop the attempt."""
    WAKE_DISPATCHER = auto()
    """There may be something to dispatch."""


@dataclass(frozen=True, slots=True)
class Transition:
    """The answer of `transition`.

    Attributes:
        state: The next state; the same object when nothing changes.
        effects: What must follow once `state` is stored.
    """

    state: JobState
    effects: tuple[Effect, ...] = ()


def transition(state: JobState, event: Event) -> Transition:
    """Return what becomes of a job in `state` when `event` happens.

    Events that were already taken into account leave the state as it is, so that repeating a report is harmless.

    Raises:
        StaleAttemptError: A report of an attempt that is not the latest, or of one that is over.
        ForbiddenError: A claim of a job that is not queued, or a stage of one that has ended or is about to.
    """
    match event:
        case Claimed():
            return _claim(state)
        case StageSet(sub_status=sub_status):
            return _set_stage(state, sub_status)
        case StopRequested():
            return _stop(state)
        case Started() | StageChanged() | Returned() | Ended():
            _check_attempt(state, event.attempt)
            return _report(state, event)


def _claim(state: JobState) -> Transition:
    if state.status is not JobStatus.QUEUED:
        raise ForbiddenError(f"A job that is {state.status} cannot be claimed.")
    return Transition(JobState(JobStatus.PENDING, None, state.attempt + 1))


def _set_stage(state: JobState, sub_status: SubStatus) -> Transition:
    if state.status not in ACTIVE or state.status is JobStatus.STOPPING:
        raise ForbiddenError(f"Cannot update 'sub_status' when is not in active status. (Currently {state.status})")
    return Transition(state if sub_status is state.sub_status else replace(state, sub_status=sub_status))


def _stop(state: JobState) -> Transition:
    if state.status is JobStatus.QUEUED:
        return Transition(JobState(JobStatus.STOPPED, None, state.attempt), (Effect.WAKE_DISPATCHER,))
    if state.status in (JobStatus.PENDING, JobStatus.RUNNING):
        return Transition(JobState(JobStatus.STOPPING, None, state.attempt), (Effect.STOP_ON_ENGINE,))
    return Transition(state)


def _check_attempt(state: JobState, attempt: int) -> None:
    if attempt != state.attempt or state.status not in ON_ENGINE:
        raise StaleAttemptError(f"Attempt {attempt} is over; the job is {state.status} at attempt {state.attempt}.")


def _report(state: JobState, event: Started | StageChanged | Returned | Ended) -> Transition:
    match event:
        case Started():
            moved = replace(state, status=JobStatus.RUNNING) if state.status is JobStatus.PENDING else state
            return Transition(moved)
        case StageChanged(sub_status=sub_status):
            in_stage = state.status is not JobStatus.STOPPING and sub_status is not state.sub_status
            return Transition(JobState(JobStatus.RUNNING, sub_status, state.attempt) if in_stage else state)
        case Returned():
            return Transition(_returned(state))
        case Ended(succeeded=succeeded):
            return Transition(JobState(_final_status(state, succeeded), None, state.attempt), (Effect.WAKE_DISPATCHER,))


def _returned(state: JobState) -> JobState:
    match state.status:
        case JobStatus.PENDING:
            return JobState(JobStatus.QUEUED, None, state.attempt)
        case JobStatus.STOPPING:
            return JobState(JobStatus.STOPPED, None, state.attempt)
        case _:
            return state


def _final_status(state: JobState, succeeded: bool) -> JobStatus:
    if state.status is JobStatus.STOPPING:
        return JobStatus.STOPPED
    return JobStatus.SUCCEEDED if succeeded else JobStatus.FAILED
