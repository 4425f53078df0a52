"""What supervisors tell: the runner's side of the platform."""

from collections.abc import AsyncIterable, AsyncIterator
from datetime import timedelta

from treadle.domain.causes import diagnose
from treadle.domain.errors import InvalidError, StaleAttemptError
from treadle.domain.functions import FunctionVersion
from treadle.domain.jobs import Context, Job, Origin
from treadle.domain.launch import HEARTBEAT_SECONDS
from treadle.domain.lifecycle import ON_ENGINE, Ended, Event, JobStatus, StageChanged, Started, stage_of
from treadle.domain.outcome import Outcome
from treadle.domain.users import JobIdentity
from treadle.ports.clock import Clock
from treadle.ports.logs import LogStore
from treadle.ports.repositories import Database, Repositories
from treadle.ports.transfers import PartialUpload
from treadle.ports.wakeups import WakeUps, job_topic
from treadle.services.artifacts import Artifacts
from treadle.services.direct_values import DirectValues, Uploaded
from treadle.services.log_settling import LogSettling
from treadle.services.transitions import Change, apply
from treadle.services.values import StoredValue, Values, arguments_key, result_key

_THREE_HEARTBEATS = timedelta(seconds=3 * HEARTBEAT_SECONDS)


class Reports:
    """Use cases of the supervisor of one attempt. Every one refuses an attempt that is over with `StaleAttemptError`."""

    def __init__(
        self,
        database: Database,
        artifacts: Artifacts,
        values: Values,
        direct_values: DirectValues,
        logs: LogStore,
        settling: LogSettling,
        wakeups: WakeUps,
        clock: Clock,
        lease: timedelta,
    ) -> None:
        self._database = database
        self._values = values
        self._direct_values = direct_values
        self._artifacts = artifacts
        self._logs = logs
        self._settling = settling
        self._wakeups = wakeups
        self._clock = clock
        self._lease = lease

    async def artifact(self, identity: JobIdentity) -> bytes:
        """Return the tar file of the function version the job is pinned to.

        Raises:
            InvalidError: It is gone.
        """

        def work(repositories: Repositories) -> FunctionVersion:
            return repositories.functions.version(current(repositories, identity).version_id)

        return await self._artifacts.of(await self._database.read(work))

    async def arguments(self, identity: JobIdentity) -> StoredValue:
        """Return the job's arguments.

        Raises:
            InvalidError: They are gone.
        """
        await self._sign_of_life(identity)  # what follows takes its time, and the program begins right after
        arguments = await self._values.open(arguments_key(identity.job_id))
        if arguments is None:
            raise InvalidError("The job's arguments are gone from the platform's store; run the function again.")
        return arguments

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
        return (await self._sign_of_life(identity)).status is JobStatus.STOPPING

    async def append_log(self, identity: JobIdentity, offset: int, data: bytes) -> tuple[int, float]:
        """Store a part of the log.

        The log belongs to the job. That none but its last attempt writes to it follows from two rules: only a program that has
        begun has a log, and a job whose program has begun gets no further attempt.

        Returns:
            How many bytes are stored now, and how many seconds to let pass before the next part, if it is not large.

        Raises:
            InvalidError: The program has not begun.
        """
        job = await self._sign_of_life(identity)
        if job.status is JobStatus.PENDING:
            raise InvalidError("The program of this attempt has not begun, so it has no log.")
        length = await self._logs.append(identity.job_id, offset, data)
        self._wakeups.publish(job_topic(identity.job_id))
        return length, self._logs.pause(identity.job_id)

    async def save_result(self, identity: JobIdentity, blocks: AsyncIterable[bytes]) -> None:
        """Store what the program saved as its result, as it arrives.

        Raises:
            InvalidError: It is neither text nor a container.
            TooLargeError: It is larger than is allowed.
        """
        await self._sign_of_life(identity)
        key = result_key(identity.job_id, identity.attempt)
        await self._values.store(key, "result", self._while_current(identity, blocks))

    async def begin_result(self, identity: JobIdentity, size: int) -> PartialUpload | None:
        """Begin to take a large result past the gateway; None if there is no such way.

        Raises:
            InvalidError: It is too small to go that way.
            TooLargeError: It is larger than is allowed.
        """
        await self._sign_of_life(identity)
        if not self._direct_values.offered:
            return None
        return await self._direct_values.begin(result_key(identity.job_id, identity.attempt), "result", size)

    async def commit_result(self, identity: JobIdentity, uploaded: Uploaded) -> None:
        """Take what was uploaded past the gateway as the result. Committing it again does no harm.

        Raises:
            InvalidError: It is not what was uploaded, or neither text nor a container.
            TooLargeError: It is larger than is allowed.
        """
        await self._sign_of_life(identity)
        await self._direct_values.commit(result_key(identity.job_id, identity.attempt), "result", uploaded)

    async def finished(self, identity: JobIdentity, outcome: Outcome) -> None:
        """Note the end of the attempt, and with it that of the job."""
        cause = diagnose(outcome)
        now = self._clock.now()

        def work(repositories: Repositories) -> Change:
            stopping = current(repositories, identity).status is JobStatus.STOPPING
            event = Ended(identity.attempt, succeeded=cause is None)
            shown = None if stopping else cause
            return apply(repositories, identity.job_id, event, Origin.SCHEDULER, Context.UPDATE_JOB_STATUS, now, shown)

        (await self._database.write(work)).publish(self._wakeups)
        self._settling.begin(identity.job_id)

    async def _while_current(self, identity: JobIdentity, blocks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Pass on what arrives while the attempt is on: a large upload is a sign of life, and in vain once it is over."""
        due = self._clock.now() + self._lease / 4
        async for block in blocks:
            yield block
            if self._clock.now() >= due:
                await self._sign_of_life(identity)
                due = self._clock.now() + self._lease / 4

    async def _sign_of_life(self, identity: JobIdentity) -> Job:
        """Return the job of an attempt that is still on; see that it stays so for a while.

        A lease that still lasts is left alone: a thousand running jobs would otherwise keep the database busy with nothing else.

        Raises:
            StaleAttemptError: The attempt is over.
        """
        job = await self._database.read(lambda repositories: current(repositories, identity))
        if job.lease_until is None or job.lease_until < self._clock.now() + max(self._lease / 2, _THREE_HEARTBEATS):
            await self._database.write(lambda repositories: self._renew(repositories, identity))
        return job

    def _renew(self, repositories: Repositories, identity: JobIdentity) -> None:
        job = current(repositories, identity)
        repositories.jobs.renew_lease(job.id, identity.attempt, self._clock.now() + self._lease)

    async def _apply(self, identity: JobIdentity, event: Event, context: Context) -> Change:
        now = self._clock.now()
        change = await self._database.write(
            lambda repositories: apply(
                repositories, identity.job_id, event, Origin.SCHEDULER, context, now, lease=self._lease
            )
        )
        change.publish(self._wakeups)
        return change


def current(repositories: Repositories, identity: JobIdentity) -> Job:
    """Return the job of an attempt that is still on.

    Raises:
        StaleAttemptError: The attempt is over.
    """
    job = repositories.jobs.get(identity.job_id)
    if job is None or job.state.attempt != identity.attempt or job.status not in ON_ENGINE:
        raise StaleAttemptError(f"Attempt {identity.attempt} at job [{identity.job_id}] is over.")
    return job
