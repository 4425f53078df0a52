"""Waiting for the lock of an environment without holding up the event loop."""

import asyncio
import contextlib
import fcntl
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

from treadle.runner.environments import open_lock, try_lock


@contextlib.asynccontextmanager
async def locked(path: Path, kind: int) -> AsyncIterator[None]:
    """Hold the lock of a file (flock(2)); see `taken`."""
    descriptor = await taken(path, kind)
    try:
        yield
    finally:
        os.close(descriptor)


async def taken(path: Path, kind: int) -> int:
    """Take the lock of a file, and return a descriptor that holds it until it is closed.

    Waits for other processes, and for other callers in this one.

    Args:
        path: The file, which is made when it is not there.
        kind: `fcntl.LOCK_SH` or `fcntl.LOCK_EX`.
    """
    with contextlib.ExitStack() as undoing:
        descriptor = open_lock(path)
        undoing.callback(os.close, descriptor)
        if not try_lock(descriptor, kind):
            await _wait(descriptor, kind)
        undoing.pop_all()
    return descriptor


async def _wait(descriptor: int, kind: int) -> None:
    """Take a lock in a thread, which an event loop that ends need not wait for."""
    loop = asyncio.get_running_loop()
    ours = loop.create_future()
    own = os.dup(descriptor)  # of the thread: whoever is cancelled closes the other one, and so lets go of the lock

    def tell() -> None:
        if not ours.done():
            ours.set_result(None)

    def take() -> None:
        try:
            fcntl.flock(own, kind)
        finally:
            os.close(own)
        with contextlib.suppress(RuntimeError):  # the event loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(tell)

    threading.Thread(target=take, name="environment-lock", daemon=True).start()
    await ours
