"""Bringing the logs of jobs that have ended into their last form, beside what others wait for.

It is begun by who notes the end of a job, and again by who reads the log of one: if a gateway dies with it, nothing is lost.
"""

import asyncio
import logging

from treadle.domain.errors import StorageError
from treadle.ports.logs import LogStore

logger = logging.getLogger(__name__)


class LogSettling:
    """Settles logs in the background, each once at a time."""

    def __init__(self, logs: LogStore) -> None:
        self._logs = logs
        self._running: dict[str, asyncio.Task[None]] = {}

    def begin(self, job_id: str) -> None:
        """Begin to settle the log of a job that has ended."""
        if job_id not in self._running:
            self._running[job_id] = asyncio.create_task(self._settle(job_id))
            self._running[job_id].add_done_callback(lambda _: self._running.pop(job_id))

    async def _settle(self, job_id: str) -> None:
        try:
            await self._logs.settle(job_id)
        except StorageError as error:
            logger.warning("the log of job %s stays in parts: %s", job_id, error)
