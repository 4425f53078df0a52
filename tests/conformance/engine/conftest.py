"""Engines to try."""

from collections.abc import Iterator

import pytest

from tests.conformance.engine.running_engine import RunningEngine
from tests.conformance.engine.running_ray_engine import RunningRayEngine


@pytest.fixture(scope="session", params=["local", "ray"])
def shared_engine(request: pytest.FixtureRequest) -> Iterator[RunningEngine]:
    """A warm engine of each kind for all tests of a worker."""
    running = RunningEngine() if request.param == "local" else RunningRayEngine(request.getfixturevalue("ray"))
    running.warm()
    yield running
    running.close()


@pytest.fixture
def engine(shared_engine: RunningEngine) -> Iterator[RunningEngine]:
    """A warm engine on which a test may do anything but harm the engine itself."""
    yield shared_engine
    assert shared_engine.exits == [], "a test should wait for the exits it causes"


@pytest.fixture
def own_engine() -> Iterator[RunningEngine]:
    """A warm engine for one test only."""
    running = RunningEngine().warm()
    yield running
    running.close()
