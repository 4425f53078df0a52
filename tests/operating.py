"""Acting as the operator of a platform, on its home folder or its database, without a process for each step."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tests.running_platform import RunningPlatform
from treadle.administration import Administration, administration

T = TypeVar("T")


def administer(platform: RunningPlatform, work: Callable[[Administration], Awaitable[T]]) -> T:
    """Return what `work` does with the platform."""

    async def run() -> T:
        database, key = (platform.variables.get(f"TREADLE_{name}") for name in ("DATABASE", "SECRET_KEY"))
        async with administration(platform.home, database, key) as opened:
            return await work(opened)

    return asyncio.run(run())
