"""What supervisors tell: the runner's side of the platform."""

from treadle.domain.causes import diagnose
from treadle.domain.errors import InvalidError, StaleAttemptError
from treadle.domain.functions import FunctionVersion
from treadle.domain.jobs import Context, Job, Origin
from treadle.domain.lifecycle import ON_ENGINE, Ended, Event, JobStatus, StageChanged, Started, stage_of
from treadle.domain.outcome import Outcome
from treadle.domain.users import JobIdentity
from treadle.ports.clock import Clock
from treadle.ports.logs import LogStore
from treadle.ports.objects import ObjectStore
from treadle.ports.repositories import Database, Repositories
from treadle.ports.wakeups import WakeUps, job_topic
from treadle.services.artifacts import Artifacts
from treadle.services.jobs import arguments_key, result_key
from treadle.services.transitions import LEASE, Change, apply


class Reports:
    """Use cases of the supervisor of one attempt. Every one refuses an attempt that is over with `StaleAttemptError`."""

    def __init__(
        self, database: Database, objects: ObjectStore, logs: LogStore, wakeups: WakeUps, clock: Clock
    ) -> None:
        self._database = database
        self._objects = objects
        self._artifacts = Artifacts(objects)
        self._logs = logs
        self._wakeups = wakeups
        self._clock = clock

    async def artifact(self, identity: JobIdentity) -> bytes:
        """Return the tar file of the function version the job is pinned to.

        Raises:
            InvalidError: It is gone.
        """

        def work(repositories: Repositories) -> FunctionVersion:
            return repositories.functions.version(_current(repositories, identity).version_id)

        return await self._artifacts.of(await self._database.read(work))

    async def arguments(self, identity: JobIdentity) -> bytes:
        """Return the JSON text of the job's arguments.

        Raises:
            InvalidError: They are gone.
        """
        await self._database.read(lambda repositories: _current(repositories, identity))
        data = await self._objects.get(arguments_key(identity.job_id))
        if data is None:
            raise InvalidError("The job's arguments are gone from the platform's store; run the function again.")
        return data

    async def started(self, identity: JobIdentity) -> bool:
        """Note that the program runs. Returns whether it should be stopped."""
        change = await self._apply(identity, Started(identity.attempt), Context.SCHEDULE_JOBS)
        return change.state.status is JobStatus.STOPPING

    async def stage(self, identity: JobIdentity, sub_status: str) -> None:
        """Note which stage the program is in.

        Raises:
            InvalidError: There is no such stage.
        """
        await self._apply(identity, StageChanged(identity.attempt, stage_of(sub_status)), Context.SET_SUB_STATUS)

    async def heartbeat(self, identity: JobIdentity) -> bool:
        """Note that the attempt is alive. Returns whether it should be stopped."""

        def work(repositories: Repositories) -> Job:
            job = _current(repositories, identity)
            repositories.jobs.renew_lease(job.id, identity.attempt, self._clock.now() + LEASE)
            return job

        return (await self._database.write(work)).status is JobStatus.STOPPING

    async def append_log(self, identity: JobIdentity, offset: int, data: bytes) -> int:
        """Store a part of the log and return how many bytes are stored now."""
        await self._database.read(lambda repositories: _current(repositories, identity))
        length = await self._logs.append(identity.job_id, offset, data)
        self._wakeups.publish(job_topic(identity.job_id))
        return length

    async def save_result(self, identity: JobIdentity, data: bytes) -> None:
        """Store what the program saved as its result.

        Raises:
            InvalidError: It is not UTF-8 text.
        """
        await self._database.read(lambda repositories: _current(repositories, identity))
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise InvalidError(f"The result is not UTF-8 text: {error}.") from error
        await self._objects.put(result_key(identity.job_id, identity.attempt), data)

    async def finished(self, identity: JobIdentity, outcome: Outcome) -> None:
        """Note the end of the attempt, and with it that of the job."""
        cause = diagnose(outcome)
        now = self._clock.now()

        def work(repositories: Repositories) -> Change:
            stopping = _current(repositories, identity).status is JobStatus.STOPPING
            event = Ended(identity.attempt, succeeded=cause is None)
            shown = None if stopping else cause
            return apply(repositories, identity.job_id, event, Origin.SCHEDULER, Context.UPDATE_JOB_STATUS, now, shown)

        (await self._database.write(work)).publish(self._wakeups)

    async def _apply(self, identity: JobIdentity, event: Event, context: Context) -> Change:
        now = self._clock.now()
        change = await self._database.write(
            lambda repositories: apply(repositories, identity.job_id, event, Origin.SCHEDULER, context, now)
        )
        change.publish(self._wakeups)
        return change


def _current(repositories: Repositories, identity: JobIdentity) -> Job:
    """Return the job of an attempt that is still on.

    Raises:
        StaleAttemptError: The attempt is over.
    """
    job = repositories.jobs.get(identity.job_id)
    if job is None or job.state.attempt != identity.attempt or job.status not in ON_ENGINE:
        raise StaleAttemptError(f"Attempt {identity.attempt} at job [{identity.job_id}] is over.")
    return job
