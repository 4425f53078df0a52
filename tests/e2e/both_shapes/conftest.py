"""These tests run on both shapes of a platform: on one machine, and on a cluster of Ray, PostgreSQL and S3."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.cluster import start_cluster_platform
from tests.postgresql import PostgresqlServer
from tests.ray_cluster import RayCluster
from tests.running_platform import RunningPlatform, start_platform
from tests.s3 import S3Server

Start = Callable[..., RunningPlatform]
SHAPES = ["one_machine", "cluster"]


@pytest.fixture(scope="session")
def start_cluster(ray: RayCluster, postgresql: PostgresqlServer, s3: S3Server) -> Start:
    """What starts a platform on the cluster with the settings it is given."""
    return partial(start_cluster_platform, ray, postgresql, s3)


@pytest.fixture(scope="session")
def cluster(start_cluster: Start) -> Iterator[RunningPlatform]:
    """A platform on a cluster, one for all tests of a worker."""
    running = start_cluster()
    yield running
    running.close()


@pytest.fixture(scope="session", params=SHAPES)
def platform(request: pytest.FixtureRequest) -> RunningPlatform:
    """A platform of each shape, shared: use titles of your own, and leave it running."""
    found: RunningPlatform = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=SHAPES)
def start(request: pytest.FixtureRequest) -> Start:
    """What starts a platform of each shape with the settings it is given."""
    if request.param == "one_machine":
        return start_platform
    started: Start = request.getfixturevalue("start_cluster")
    return started
