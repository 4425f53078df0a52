"""Where jobs on quantum computers are ended, with the account of who started them."""

from collections.abc import Sequence
from typing import Protocol

from treadle.domain.jobs import RuntimeJob


class QuantumJobs(Protocol):
    """Ends jobs on quantum computers."""

    async def cancel(self, account: dict[str, str], runtime_jobs: Sequence[RuntimeJob]) -> list[str]:
        """End jobs and sessions.

        Args:
            account: Settings of a ``QiskitRuntimeService``: channel, token, instance, url.
            runtime_jobs: What is to end.

        Returns:
            A sentence for each: that it was ended, or why not.
        """
