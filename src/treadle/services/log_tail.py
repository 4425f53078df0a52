"""Reading a log while it grows, as one reader sees it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from treadle.domain.logs import LONGEST_MARK, Line, LogView, complete_part, line_after, shown
from treadle.ports.logs import LogStore

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class LogPiece:
    """Some text of a log.

    Attributes:
        offset: Byte of the stored log at which what it was made of begins.
        text: What the reader sees of it.
    """

    offset: int
    text: str


async def log_so_far(logs: LogStore, job_id: str, view: LogView) -> AsyncIterator[str]:
    """Yield what a reader sees of all that a log has now, in pieces: logs can be larger than memory."""
    tail = LogTail(logs, job_id, view, 0)
    while (piece := await tail.next(ended=True)) is not None:
        yield piece.text
        await asyncio.sleep(0)  # the event loop has others to serve


class LogTail:
    """How far a reader has read a log."""

    def __init__(self, logs: LogStore, job_id: str, view: LogView, offset: int) -> None:
        self._logs = logs
        self._job_id = job_id
        self._view = view
        self._within: Line | None = None
        self._knows_line = False
        self.offset = offset
        """Byte of the stored log from which to go on."""

    async def next(self, *, ended: bool) -> LogPiece | None:
        """Return the next text that the reader sees, None when there is none (yet).

        Args:
            ended: Whether the log has been stored to its end.
        """
        if not self._knows_line:
            if self.offset and not await self._logs.read(self._job_id, self.offset - 1, 1):
                return None  # a place the log has not reached: which line that will be in is not known yet
            self._within = await self._line_at(self.offset)
            self._knows_line = True
        while True:
            part = await self._logs.read(self._job_id, self.offset, _CHUNK)
            part = part[: complete_part(part, self._within, ended=ended and len(part) < _CHUNK)]
            if not part:
                return None
            piece = LogPiece(self.offset, shown(part, self._view, self._within).decode(errors="replace"))
            self._within = line_after(part, self._within)
            self.offset += len(part)
            if piece.text:
                return piece
            await asyncio.sleep(0)  # lines for others may be many; the event loop has more to do

    async def _line_at(self, offset: int) -> Line | None:
        """Return the line within which a byte lies, None if it is the first of one.

        Whoever resumes may name any byte: it must not make the rest of a line look like another one.
        """
        start = await self._start_of_line(offset)
        return Line.of(await self._logs.read(self._job_id, start, LONGEST_MARK)) if start < offset else None

    async def _start_of_line(self, offset: int) -> int:
        end = offset
        while end > 0:
            start = max(end - _CHUNK, 0)
            line_end = (await self._logs.read(self._job_id, start, end - start)).rfind(b"\n")
            if line_end >= 0:
                return start + line_end + 1
            end = start
            await asyncio.sleep(0)
        return 0
