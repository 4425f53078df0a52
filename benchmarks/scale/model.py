"""What a number of jobs a day takes, derived from what was measured. docs/scale.md shows it; a test holds that page to it."""

from dataclasses import dataclass

from treadle.domain.launch import HEARTBEAT_SECONDS

RENEWAL_SECONDS = 16  # the first heartbeat after half of the lease
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Work:
    """Jobs of one kind.

    Attributes:
        jobs_a_day: How many.
        seconds: How long each runs.
        stages: How many stages each passes through.
        log_parts: In how many parts the log of each is sent.
        peak: How many times as many as on the mean there are when there are most.
    """

    jobs_a_day: int
    seconds: float
    stages: int
    log_parts: int
    peak: float

    @property
    def jobs_a_second(self) -> float:
        """Jobs that are submitted a second, on the mean."""
        return self.jobs_a_day / DAY_SECONDS

    @property
    def running(self) -> float:
        """Jobs that run at once, on the mean: Little's law."""
        return self.jobs_a_second * self.seconds

    @property
    def requests(self) -> float:
        """Requests to gateways of one job: three of the client, four of the supervisor, stages, heartbeats, the log."""
        return 3 + 4 + self.stages + self.seconds / HEARTBEAT_SECONDS + self.log_parts

    @property
    def writes(self) -> float:
        """Transactions that write of one job: submitted, claimed, started, ended, stages, the lease."""
        return 4 + self.stages + self.seconds / RENEWAL_SECONDS

    @property
    def objects(self) -> float:
        """Objects that are written of one job in a bucket: arguments, result, the log's parts and their whole."""
        return 2 + self.log_parts + 1
