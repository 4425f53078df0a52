"""Jobs on a Ray cluster, whose parts come and go."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qiskit_serverless.exceptions import JobFailedError
from tests.conformance.engine.running_engine import processes_of
from tests.e2e.conftest import Upload, client_of, uploader
from tests.ray_cluster import RayCluster, RayNode
from tests.running_platform import RunningPlatform

HELLO = """
    from qiskit_serverless import get_arguments, save_result
    name = get_arguments()["name"]
    print(f"hello, {name}")
    save_result({"greeting": f"hello, {name}"})
"""
TASKS = """
    import os
    from qiskit_serverless import distribute_task, get, save_result
    from beside import tripled

    @distribute_task(target={"cpu": 1})
    def task(number):
        print(f"task {number} of {os.environ['ENV_JOB_ID_GATEWAY']}")
        with open(f"/proc/{os.getppid()}/cmdline") as command:
            return tripled(number), "raylet" in command.read()

    save_result(get([task(number) for number in range(20)]))
"""
WAITING = """
    import signal
    print("ready", flush=True)
    signal.pause()
"""


OF_RAY = """
    import ray
    from qiskit_serverless import save_result

    @ray.remote
    def square(number):
        return number * number

    ray.init()
    save_result({
        "nodes": sum(node["Alive"] for node in ray.nodes()),
        "squares": ray.get([square.remote(number) for number in range(3)]),
    })
"""
LARGE = """
    import numpy as np
    from qiskit_serverless import distribute_task, get, put, save_result

    @distribute_task()
    def size(array):
        return int(array.nbytes)

    arrays = [put(np.full(30_000_000, seed, dtype=np.uint8)) for seed in range(6)]
    save_result(sum(get([size(array) for array in arrays])))
"""


@pytest.fixture
def second_node(ray: RayCluster) -> Iterator[RayNode]:
    """Another node of the shared cluster."""
    node = ray.add_node()
    yield node
    node.kill()


@pytest.fixture
def on_two_nodes(
    ray: RayCluster, second_node: RayNode, make_platform: Callable[..., RunningPlatform]
) -> RunningPlatform:
    """A platform whose jobs run on the shared cluster, which has two nodes."""
    return make_platform(TREADLE_ENGINE="ray", TREADLE_RAY_ADDRESS=ray.address, **ray.variables)


def upload_to(platform: RunningPlatform, folder: Path) -> Upload:
    return uploader(client_of(platform), folder)


def ready(job: Any) -> Any:
    """Wait until a program waits; return its job."""
    for event in job.follow():
        if event.log == "ready\n":
            return job
    raise AssertionError(f"the program did not begin: {job.error_message()}")


def cancel(job: Any) -> None:
    job.cancel()
    assert [event.status for event in job.follow() if event.status][-1] == "CANCELED"


@pytest.mark.timeout(120)
def test_tasks_run_in_workers_of_ray_and_write_into_the_log_of_their_job(
    make_platform: Callable[..., RunningPlatform], tmp_path: Path
) -> None:
    platform = make_platform(TREADLE_ENGINE="ray")
    beside = {"beside.py": "def tripled(number): return 3 * number"}

    job = upload_to(platform, tmp_path)("spread", TASKS, files=beside).run()

    assert job.result() == [(3 * number, True) for number in range(20)]
    assert sorted(job.logs().splitlines()) == sorted(f"task {number} of {job.job_id}" for number in range(20))


@pytest.mark.timeout(120)
def test_a_ray_of_its_own(make_platform: Callable[..., RunningPlatform], tmp_path: Path) -> None:
    """Without an address, `treadle up --engine ray` starts a Ray, and ends it. A killed gateway leaves it to the next one."""
    platform = make_platform(TREADLE_ENGINE="ray")
    hello = upload_to(platform, tmp_path)("hello", HELLO)
    assert hello.run(name="Ada").result() == {"greeting": "hello, Ada"}
    waiting = ready(upload_to(platform, tmp_path)("waiting", WAITING).run())
    platform.kill()
    platform.restart()

    assert waiting.status() == "RUNNING"
    cancel(waiting)
    assert hello.run(name="Eve").result() == {"greeting": "hello, Eve"}


@pytest.mark.timeout(120)
def test_programs_find_the_cluster(on_two_nodes: RunningPlatform, tmp_path: Path) -> None:
    """Those that call Ray themselves, and those with more data than Ray keeps in memory, which goes to disk."""
    upload = upload_to(on_two_nodes, tmp_path)
    own = upload("own", OF_RAY).run()
    large = upload("large", LARGE).run()

    assert own.result() == {"nodes": 2, "squares": [0, 1, 4]}
    assert large.result() == 6 * 30_000_000


@pytest.mark.timeout(120)
def test_the_node_of_a_program_dies(
    on_two_nodes: RunningPlatform, ray: RayCluster, second_node: RayNode, tmp_path: Path
) -> None:
    """The job fails with its cause as soon as Ray knows; those on other nodes go on."""
    waiting = upload_to(on_two_nodes, tmp_path)("waiting", WAITING)
    jobs = {place_of(ray, job := ready(waiting.run())): job for _ in range(2)}
    lost, kept = jobs[second_node], jobs[ray.head]
    second_node.kill()

    with pytest.raises(JobFailedError) as caught:
        lost.result()
    assert caught.value.cause["code"] == "worker_lost"
    assert kept.status() == "RUNNING"
    cancel(kept)


def place_of(cluster: RayCluster, job: Any) -> RayNode:
    """Return the node on which the program of a job runs."""
    [node] = [
        each
        for each in cluster.nodes
        if any(job.job_id in str(process.cwd()) for process in processes_of(each.home) if process.name() == "program")
    ]
    return node


def test_a_platform_whose_cluster_is_not_there_says_so(
    make_platform: Callable[..., RunningPlatform], capfd: Any
) -> None:
    with pytest.raises(AssertionError, match="did not start"):
        make_platform(TREADLE_ENGINE="ray", TREADLE_RAY_ADDRESS="127.0.0.1:9")

    said = capfd.readouterr().err
    assert "There is no Ray cluster at 127.0.0.1:9" in said
    assert "Traceback" not in said


def test_nodes_elsewhere_must_reach_the_gateway(make_platform: Callable[..., RunningPlatform], capfd: Any) -> None:
    with pytest.raises(AssertionError, match="did not start"):
        make_platform(TREADLE_ENGINE="ray", TREADLE_RAY_ADDRESS="head.example:6379")

    assert "TREADLE_URL" in capfd.readouterr().err
