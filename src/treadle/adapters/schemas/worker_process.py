"""Schemas evaluated by processes beside the gateway, which start when they are needed and end when they use too much."""

import asyncio
import contextlib
import json
import logging
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

from treadle.domain.errors import InvalidError

logger = logging.getLogger(__name__)

_COMMAND = (sys.executable, "-P", "-m", "treadle.adapters.schemas.worker")
_WORKERS = 2
_WALL_SECONDS_PER_CPU_SECOND = 5
_START_SECONDS = 10  # for the interpreter of a worker, on a busy machine
_LARGEST_ARGUMENTS = 2**20
_LONGEST_ANSWER = 2**23
_UNUSABLE = "arguments_schema cannot be used: "


class _OverLimitError(Exception):
    """A request needed more than a worker has."""


class WorkerSchemas:
    """`treadle.ports.schemas.ArgumentSchemas` in a few worker processes."""

    def __init__(self, cpu_seconds: float, memory_mb: int) -> None:
        """Start nothing yet.

        Args:
            cpu_seconds: CPU time for one request.
            memory_mb: Memory for one request, in MiB, beyond that of the interpreter.
        """
        self._cpu_seconds = cpu_seconds
        self._memory_mb = memory_mb
        self._turns = asyncio.Semaphore(_WORKERS)
        self._idle: list[Process] = []

    async def check(self, schema: str) -> None:
        """Check that a schema can be used."""
        try:
            answer = await self._ask({"schema": schema, "arguments": None})
        except _OverLimitError as error:
            raise InvalidError(f"{_UNUSABLE}it {error}.") from error
        if answer:
            raise InvalidError(_UNUSABLE + answer["message"])

    async def validate(self, schema: str, arguments: str) -> None:
        """Check arguments against a schema."""
        if len(arguments) > _LARGEST_ARGUMENTS:
            words = f"arguments is {len(arguments)} characters long and the maximum is {_LARGEST_ARGUMENTS}."
            raise InvalidError(words, extra={"path": []})
        try:
            answer = await self._ask({"schema": schema, "arguments": arguments})
        except _OverLimitError as error:
            words = f"arguments cannot be checked: the function's arguments schema {error}."
            raise InvalidError(words, extra={"path": []}) from error
        if answer:
            raise InvalidError(answer["message"], extra={"path": answer["path"]})

    async def close(self) -> None:
        """End the workers."""
        while self._idle:
            await _end(self._idle.pop())

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        async with self._turns:
            worker = self._idle.pop() if self._idle else await self._start()
            answer = b""
            try:
                answer = await asyncio.wait_for(_exchange(worker, request), self._patience)
            except TimeoutError:
                pass  # as when it has ended by itself
            finally:
                await self._put_back(
                    worker, well=bool(answer)
                )  # also one whose caller has gone: its answer would be the next one's
        if not answer:
            limits = f"{self._cpu_seconds:g} s of CPU time and {self._memory_mb} MB of memory"
            raise _OverLimitError(f"needs more than the limit of {limits}")
        fields: dict[str, Any] = json.loads(answer)
        return fields

    @property
    def _patience(self) -> float:
        return _START_SECONDS + _WALL_SECONDS_PER_CPU_SECOND * self._cpu_seconds

    async def _start(self) -> Process:
        limits = (str(self._cpu_seconds), str(self._memory_mb))
        return await asyncio.create_subprocess_exec(
            *_COMMAND, *limits, stdin=PIPE, stdout=PIPE, limit=_LONGEST_ANSWER, start_new_session=True
        )

    async def _put_back(self, worker: Process, *, well: bool) -> None:
        if well:
            self._idle.append(worker)
            return
        await _end(worker)
        logger.warning("a process that evaluates schemas has ended (%s)", worker.returncode)


async def _exchange(worker: Process, request: dict[str, Any]) -> bytes:
    """Return the line with which a worker answers; nothing if it ended instead."""
    assert worker.stdin is not None  # noqa: S101  (it was started with pipes)
    assert worker.stdout is not None  # noqa: S101
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        worker.stdin.write(json.dumps(request).encode() + b"\n")
        await worker.stdin.drain()
    return await worker.stdout.readline()


async def _end(worker: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        worker.kill()
    await worker.wait()
