"""Acting as the operator of a platform, on its home folder, without a process for each step."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tests.running_platform import RunningPlatform
from treadle.administration import Administration, administration

T = TypeVar("T")


def administer(platform: RunningPlatform, work: Callable[[Administration], Awaitable[T]]) -> T:
    """Return what `work` does with the platform."""

    async def run() -> T:
        async with administration(platform.home) as opened:
            return await work(opened)

    return asyncio.run(run())
