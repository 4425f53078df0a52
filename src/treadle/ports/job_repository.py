"""Where jobs and their history are kept; `treadle.ports.repositories` says how transactions work."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from treadle.domain.jobs import EventRecord, Job, JobFilter, Placement, RuntimeJob, StoredEvent
from treadle.domain.lifecycle import JobState
from treadle.domain.scheduling import ALL_PROFILES, ProfileChoice, QueuedJob


class JobRepository(Protocol):
    """Jobs and their history."""

    def add(self, job: Job) -> None:
        """Store a new job."""

    def get(self, job_id: str) -> Job | None:
        """Return a job."""

    def change(
        self,
        job_id: str,
        before: JobState,
        after: JobState,
        *,
        lease_until: datetime | None = None,
        cause: object = None,
        placement: Placement | None = None,
    ) -> bool:
        """Move a job from one state to the next.

        Args:
            job_id: The job.
            before: The state it must be in; the guard against a change in between.
            after: The state it gets.
            lease_until: When the attempt counts as silent unless a heartbeat comes; None leaves it as it is, and takes it away
                from a job that is no longer on an engine.
            cause: Why it failed, in JSON form.
            placement: Where the new attempt is; None for the place it has, of which a queued job has none.

        Returns:
            False when it was no longer in the state `before`; nothing is changed then.
        """

    def renew_lease(self, job_id: str, attempt: int, until: datetime) -> None:
        """Put off the time from which the attempt counts as silent."""

    def hold(
        self,
        job_id: str,
        attempt: int,
        holder: str | None,
        placement: Placement,
        until: datetime,
        *,
        lapsed: datetime | None = None,
    ) -> bool:
        """Let a dispatcher hold an attempt that is on an engine, for the first time or on.

        Args:
            job_id: The job.
            attempt: The attempt it must be in.
            holder: The dispatcher that must hold it before; None for nobody.
            placement: Where it is from now on.
            until: When its lease runs out.
            lapsed: Time before which its lease must have run out, if it must.

        Returns:
            False when it is no longer so; nothing is changed then.
        """

    def add_event(self, job_id: str, record: EventRecord, created: datetime) -> None:
        """Append a row to a job's history."""

    def events(self, job_id: str, after: int = 0) -> list[StoredEvent]:
        """Return the history after row number `after`, oldest first."""

    def put_runtime_job(self, job_id: str, runtime_job: RuntimeJob, created: datetime) -> None:
        """Note a job on a quantum computer; one that is noted already gets its session anew."""

    def runtime_jobs(self, job_id: str) -> list[RuntimeJob]:
        """Return what a job has started on quantum computers, the oldest first."""

    def page(self, author_id: str | None, job_filter: JobFilter) -> tuple[int, list[Job]]:
        """Return how many jobs match, and one page of them, newest first.

        Args:
            author_id: Whose jobs; None for everybody's.
            job_filter: Which of them.
        """

    def count_active(self, author_id: str) -> int:
        """Return how many jobs of a user are not yet in a terminal state."""

    def next_of_each_user(
        self, profiles: ProfileChoice = ALL_PROFILES, awaited: Collection[str] = ()
    ) -> list[QueuedJob]:
        """Return of each user the job that has waited longest and whose environment is not being built, the oldest first.

        What that takes does not depend on how long the queue is, where jobs with all profiles count.

        Args:
            profiles: With which compute profiles.
            awaited: Digests of environments that are built again where these jobs would run; they wait for those too.
        """

    def queued(
        self,
        author_ids: Iterable[str],
        per_author: int,
        profiles: ProfileChoice = ALL_PROFILES,
        awaited: Collection[str] = (),
    ) -> list[QueuedJob]:
        """Return waiting jobs of these users whose environment is not being built, the oldest first.

        Args:
            author_ids: Whose jobs.
            per_author: How many of each at most.
            profiles: With which compute profiles.
            awaited: Digests of environments that are built again where these jobs would run; they wait for those too.
        """

    def on_engine(self) -> list[Job]:
        """Return the jobs an engine has."""

    def active_by_author(self) -> Counter[str]:
        """Return how many jobs each user has on an engine."""

    def count_placed(self, placement: Placement) -> int:
        """Return how many jobs a dispatcher has on one of its engines."""

    def stopping(self, dispatcher: str) -> list[Job]:
        """Return the jobs of a dispatcher that are to be stopped."""

    def silent(self, now: datetime) -> Sequence[Job]:
        """Return the jobs on an engine whose lease runs out before `now`."""

    def next_silence(self) -> datetime | None:
        """Return when the next lease of a job on an engine runs out, None if there is none."""
