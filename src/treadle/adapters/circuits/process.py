"""Circuits written again by a process of its own: the gateway never imports Qiskit, nor reads what a program wrote with it."""

import asyncio
import contextlib
import logging
import os
import sys

from qiskit_serverless.serialization.qpy_versions import newest_version
from treadle.runner.environment import ONE_THREAD

logger = logging.getLogger(__name__)

_COMMAND = [sys.executable, "-P", "-m", "qiskit_serverless.serialization.qpy_versions"]
_PATIENCE = 25.0  # seconds; the clients it is for give up after 30
_AT_ONCE = 2


class CircuitProcesses:
    """Starts a process for each text that has circuits to be written again, two at a time."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def in_version(self, text: str, version: int) -> str:
        """Return JSON text whose circuits are written in a QPY version or an older one, as far as that is possible."""
        if await asyncio.to_thread(newest_version, text) <= version:
            return text
        async with self._free:
            return await _rewritten(text, version)


async def _rewritten(text: str, version: int) -> str:
    process = await asyncio.create_subprocess_exec(
        *_COMMAND,
        str(version),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **ONE_THREAD, "PYTHONIOENCODING": "utf-8"},
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(text.encode()), _PATIENCE)
    except TimeoutError:
        logger.warning("circuits of a result are answered as they are: writing them again took %.0f s", _PATIENCE)
        return text
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has ended, mostly
            process.kill()
    if process.returncode:
        logger.warning("circuits of a result are answered as they are: %s", errors.decode(errors="replace").strip())
        return text
    return output.decode()
