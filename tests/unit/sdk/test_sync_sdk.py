"""The blocking side of the SDK is made from the asynchronous one, and is as the rules make it."""

from pathlib import Path

from tools.sync_sdk import MADE, blocking, make


def test_the_blocking_side_is_fresh(tmp_path: Path) -> None:
    make(tmp_path / "sync")
    made, there = (
        {path.name: path.read_text() for path in folder.glob("*.py")} for folder in (tmp_path / "sync", MADE)
    )
    assert made == there, "run `make sdk`"


def test_a_module_that_is_no_longer_made_is_removed(tmp_path: Path) -> None:
    (tmp_path / "left_over.py").write_text("")
    make(tmp_path)
    assert not (tmp_path / "left_over.py").exists()


ASYNCHRONOUS = '''
import anyio
from qiskit_serverless.aio.jobs import AsyncJob

class AsyncClient:
    """See `AsyncJob.follow`."""

    # sync only: @property
    async def lines(self, read: Callable[[], Awaitable[str]]) -> AsyncIterator[str]:
        await self.verify()  # async only
        async with self.open() as source:
            async for line in source:
                yield line
        await anyio.sleep(1)
        await self.aclose()
'''

BLOCKING = '''
import time
from qiskit_serverless.sync.jobs import Job

class Client:
    """See `Job.follow`."""

    @property
    def lines(self, read: Callable[[], str]) -> Iterator[str]:
        with self.open() as source:
            yield from source
        time.sleep(1)
        self.close()
'''


def test_what_the_rules_do() -> None:
    assert blocking(ASYNCHRONOUS) == BLOCKING
