"""Jobs on quantum computers ended by a process with the runtime client, which has a limit of time."""

import asyncio
import contextlib
import json
import logging
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence

from treadle.domain.jobs import RuntimeJob

logger = logging.getLogger(__name__)

_COMMAND = (sys.executable, "-P", "-m", "treadle.runner.quantum_cancel")
_AT_ONCE = 2


class RuntimeClientProcess:
    """`treadle.ports.quantum_jobs.QuantumJobs` by a process for each request, two at a time."""

    def __init__(self, seconds: float = 20.0) -> None:
        """Take the longest time in seconds that a request may take; clients give up after 30."""
        self._seconds = seconds
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def cancel(self, account: dict[str, str], runtime_jobs: Sequence[RuntimeJob]) -> list[str]:
        """End jobs and sessions."""
        request = {"account": account, "runtime_jobs": [[each.id, each.session] for each in runtime_jobs]}
        try:
            async with asyncio.timeout(self._seconds), self._turns:
                return await _said(json.dumps(request))
        except TimeoutError:
            why = f"the service did not answer within {self._seconds:g} s"
        except ValueError:  # it has ended without an answer, and has told why on its standard error
            why = "the runtime client failed"
        return [f"Runtime job [{each.id}] could not be canceled: {why}." for each in runtime_jobs]


async def _said(request: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(*_COMMAND, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        output, errors = await process.communicate(request.encode())
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has ended, mostly
            process.kill()
        await process.wait()
    if process.returncode:
        logger.warning("jobs on quantum computers were not ended: %s", errors.decode(errors="replace")[-500:])
    sentences: list[str] = json.loads(output)
    return sentences
