"""What an engine does when parts of its Ray cluster come and go."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.engine.running_engine import RunningEngine, processes_of
from tests.conformance.engine.running_ray_engine import RunningRayEngine
from tests.conformance.runner_gateway import Attempt
from tests.ray_cluster import RayCluster, RayNode, ray_cluster
from treadle.adapters.engines.ray.clusters import ExistingCluster, OwnCluster
from treadle.adapters.engines.ray.engine import RayEngine
from treadle.adapters.engines.ray.terms import RayTerms
from treadle.domain.errors import EngineUnavailableError
from treadle.domain.outcome import Ending
from treadle.ports.engine import Presence

WAITING = """
    import signal
    print("ready")
    signal.pause()
"""

STARTS_A_RAY = """
import asyncio, pathlib, sys
from treadle.adapters.engines.ray.clusters import OwnCluster
asyncio.run(OwnCluster(*map(pathlib.Path, sys.argv[1:])).address())
"""


@pytest.fixture(scope="module")
def ray_engine(ray: RayCluster) -> Iterator[RunningRayEngine]:
    """A warm engine on the shared cluster."""
    running = RunningRayEngine(ray).warm()
    yield running
    running.close()


@pytest.fixture(scope="module")
def second_node(ray: RayCluster, ray_engine: RunningRayEngine) -> Iterator[RayNode]:
    """Another node of the cluster, which has joined after the engine was opened."""
    node = ray.add_node()
    yield node
    node.kill()


def node_of(engine: RunningRayEngine, job: Attempt) -> RayNode:
    """Return the node on which an attempt runs."""
    [node] = [
        each for each in engine.cluster.nodes if processes_of(each.home / engine.platform / "jobs" / f"{job.job_id}.1")
    ]
    return node


def submit_on(engine: RunningRayEngine, node: RayNode) -> Attempt:
    """Start programs that wait until one is on a node, stop the others, and return that one."""
    others = []
    while True:
        job = engine.submit(WAITING)
        engine.printed(job, "ready")
        if node_of(engine, job) is node:
            break
        others.append(job)
    for other in others:
        end(engine, other)
    return job


def end(engine: RunningEngine, job: Attempt) -> None:
    engine.stop(job)
    assert engine.gateway.outcome(job).ending is Ending.STOPPED
    engine.wait_for_exit(job)


def test_a_node_that_joins_gets_programs_and_gives_room(ray_engine: RunningRayEngine, second_node: RayNode) -> None:
    first = submit_on(ray_engine, second_node)
    second = ray_engine.submit(WAITING)
    ray_engine.printed(second, "ready")

    assert node_of(ray_engine, second) is ray_engine.cluster.head
    end(ray_engine, first)
    end(ray_engine, second)


def test_engines_side_by_side_see_each_others_programs(ray_engine: RunningRayEngine) -> None:
    job = ray_engine.submit(WAITING)
    ray_engine.printed(job, "ready")
    other = RunningRayEngine(ray_engine.cluster, ray_engine.gateway, ray_engine.platform)

    assert other.adopt(job) is Presence.RUNNING
    other.start(job)
    other.close_engine()
    assert ray_engine.adopt(job) is Presence.RUNNING
    end(ray_engine, job)
    assert job.calls.count("started") == 1


def test_another_platform_on_the_cluster_sees_nothing_of_it(ray_engine: RunningRayEngine) -> None:
    job = ray_engine.submit(WAITING)
    ray_engine.printed(job, "ready")
    other = RunningRayEngine(ray_engine.cluster)

    assert other.adopt(job) is Presence.UNKNOWN
    other.sweep()
    assert ray_engine.adopt(job) is Presence.RUNNING
    end(ray_engine, job)
    other.close()


def test_a_dispatcher_that_was_killed(ray_engine: RunningRayEngine) -> None:
    """Its driver and its agents die with it; the program does not, and the next driver has it."""
    job = ray_engine.submit(WAITING)
    ray_engine.printed(job, "ready")
    ray_engine.driver.kill()
    with pytest.raises(EngineUnavailableError, match="has ended with status"):
        until_it_fails(ray_engine, job)
    ray_engine.wait_until_connected()

    assert ray_engine.adopt(job) is Presence.RUNNING
    end(ray_engine, job)
    assert job.text == "ready\n"


@pytest.mark.timeout(180)  # two starts of Ray
def test_a_head_that_was_killed() -> None:
    """Until it is back nothing can be started; then the engine finds it by itself."""
    with ray_cluster() as cluster:
        engine = RunningRayEngine(cluster).warm()
        job = engine.submit(WAITING)
        engine.printed(job, "ready")
        cluster.head.kill()
        with pytest.raises(EngineUnavailableError, match="Ray"):
            engine.start(job)
        cluster.start_head()

        engine.wait_for_exit(job)
        assert engine.adopt(job) is Presence.UNKNOWN
        engine.close_engine()


def until_it_fails(engine: RunningEngine, job: Attempt) -> None:
    """Ask for an attempt until the engine has noticed that it cannot be asked."""
    while True:
        engine.adopt(job)


def test_the_end_of_a_node_is_told(ray_engine: RunningRayEngine, second_node: RayNode) -> None:
    lost = submit_on(ray_engine, second_node)
    kept = ray_engine.submit(WAITING)
    ray_engine.printed(kept, "ready")
    second_node.kill()

    ray_engine.wait_for_exit(lost)
    assert ray_engine.adopt(lost) is Presence.UNKNOWN
    assert ray_engine.adopt(kept) is Presence.RUNNING
    end(ray_engine, kept)


def test_no_cluster_at_the_address(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match=r"no Ray cluster at 127\.0\.0\.1:9: .*refused") as caught:
        asyncio.run(opened(ExistingCluster("127.0.0.1:9"), tmp_path))

    assert "TREADLE_RAY_ADDRESS" in caught.value.hint


def test_a_ray_of_its_own_ends_with_the_engine(tmp_path: Path) -> None:
    cluster = OwnCluster(tmp_path / "ray", tmp_path / "node")
    asyncio.run(opened(cluster, tmp_path))

    assert list((tmp_path / "ray").glob("place.json")) == []
    assert [process.name() for process in processes_of(tmp_path)] == []


def test_a_ray_of_its_own_whose_platform_was_killed_before_it_was_ready_is_taken_over(tmp_path: Path) -> None:
    folders = [tmp_path / "ray", tmp_path / "node"]
    with subprocess.Popen([sys.executable, "-c", STARTS_A_RAY, *map(str, folders)]) as platform:
        while not (tmp_path / "ray" / "place.json").exists():
            assert platform.poll() is None
        platform.kill()
    [first] = [json.loads(path.read_text()) for path in (tmp_path / "ray").glob("place.json")]
    announcement = Path(first["folder"], "ray_current_cluster")
    assert not announcement.exists()

    second = OwnCluster(*folders)
    assert asyncio.run(second.address()) == announcement.read_text().strip()
    asyncio.run(second.close(in_use=False))
    assert [process.name() for process in processes_of(tmp_path)] == []


async def opened(cluster: ExistingCluster | OwnCluster, folder: Path) -> None:
    """Open an engine, and close it."""
    engine = RayEngine(cluster, RayTerms("test"), folder / "driver.log")
    await engine.open(lambda job_id, attempt: None)
    await engine.close()
