"""Where the log of a job is kept while it grows and afterwards."""

from typing import Protocol


class LogStore(Protocol):
    """Bytes by job, appended at offsets so that sending a part again does no harm."""

    async def append(self, job_id: str, offset: int, data: bytes) -> int:
        """Store `data` at `offset` and return how many bytes the log now has.

        Bytes that are there already are not stored again. Nothing is stored when `offset` lies beyond the end; the answer
        then tells from where to send.

        Raises:
            treadle.domain.errors.StorageError: The store refuses to write.
        """

    async def read(self, job_id: str, start: int = 0, limit: int | None = None) -> bytes:
        """Return at most `limit` bytes from `start`; empty when there are none."""

    def pause(self, job_id: str) -> float:
        """Return how many seconds the sender of a log should let pass before it sends the next part, if it has not much."""

    async def settle(self, job_id: str) -> None:
        """Bring a log that grows no more into the form that is best to keep. Harmless at any time, and when it is cut short.

        Raises:
            treadle.domain.errors.StorageError: The store refuses to write; the log is as it was.
        """
