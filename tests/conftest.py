"""Fixtures for all tests."""

from collections.abc import Callable, Iterator

import pytest

from tests.running_platform import RunningPlatform, start_platform


@pytest.fixture(scope="session")
def platform() -> Iterator[RunningPlatform]:
    """A platform that is up, one for all tests of a worker: use titles of your own, and leave it running."""
    running = start_platform()
    yield running
    running.close()


@pytest.fixture
def own_platform() -> Iterator[RunningPlatform]:
    """A platform for one test only, which may kill and restart it."""
    running = start_platform()
    yield running
    running.close()


@pytest.fixture
def make_platform() -> Iterator[Callable[..., RunningPlatform]]:
    """Start platforms with settings of your own: ``make_platform(TREADLE_...="...")``; they are stopped after the test."""
    running: list[RunningPlatform] = []

    def make(**variables: str) -> RunningPlatform:
        running.append(start_platform(**variables))
        return running[-1]

    yield make
    for each in running:
        each.close()
