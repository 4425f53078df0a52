"""Fixtures for all tests."""

from collections.abc import Callable, Iterator

import pytest

from tests.postgresql import PostgresqlServer, postgresql_server
from tests.ray_cluster import RayCluster, ray_cluster
from tests.running_platform import RunningPlatform, start_platform
from tests.s3 import S3Server, s3_server


@pytest.fixture(scope="session")
def one_machine() -> Iterator[RunningPlatform]:
    """A platform on this machine, one for all tests of a worker: use titles of your own, and leave it running."""
    running = start_platform()
    yield running
    running.close()


@pytest.fixture(scope="session")
def platform(one_machine: RunningPlatform) -> RunningPlatform:
    """The platform that tests run on: `one_machine`, and in tests/e2e/both_shapes a cluster as well."""
    return one_machine


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server, one for all tests of a worker."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="session")
def ray() -> Iterator[RayCluster]:
    """A Ray cluster with one node of two CPUs, for all tests of a worker: add nodes of your own, and kill only these."""
    with ray_cluster() as cluster:
        yield cluster


@pytest.fixture
def postgresql_url(postgresql: PostgresqlServer) -> str:
    """URL of a new PostgreSQL database with the newest tables."""
    return postgresql.new_database()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """An S3 server, one for all tests of a worker: use prefixes of your own, ``s3.new_url()``."""
    with s3_server() as server:
        yield server


@pytest.fixture
def start() -> Callable[..., RunningPlatform]:
    """What starts a platform with the settings it is given."""
    return start_platform


@pytest.fixture
def own_platform(start: Callable[..., RunningPlatform]) -> Iterator[RunningPlatform]:
    """A platform for one test only, which may kill and restart it."""
    running = start()
    yield running
    running.close()


@pytest.fixture
def make_platform(start: Callable[..., RunningPlatform]) -> Iterator[Callable[..., RunningPlatform]]:
    """Start platforms with settings of your own: ``make_platform(TREADLE_...="...")``; they are stopped after the test."""
    running: list[RunningPlatform] = []

    def make(**variables: str) -> RunningPlatform:
        running.append(start(**variables))
        return running[-1]

    yield make
    for each in running:
        each.close()
