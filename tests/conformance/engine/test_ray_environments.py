"""Programs in environments of their own on a Ray cluster: the node that is to run one builds it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from tests.conformance.engine.running_ray_engine import RunningRayEngine
from tests.conformance.runner_gateway import tar_of
from tests.ray_cluster import RayCluster
from treadle.adapters.environments.installed import pinned
from treadle.adapters.environments.solving import UvSolver
from treadle.domain.environments import Lock
from treadle.domain.errors import BuildFailedError, EnvironmentUnusableError

Value = TypeVar("Value")

pytestmark = pytest.mark.timeout(600)  # a first build fetches packages

BROKEN = Lock("b" * 64, "pendulum==0.0.0 --hash=sha256:" + "0" * 64 + "\n")


def patiently(running: RunningRayEngine, coroutine: Coroutine[Any, Any, Value]) -> Value:
    """Run a coroutine in the engine's loop; a build takes longer than what engines do otherwise."""
    return asyncio.run_coroutine_threadsafe(coroutine, running._loop).result(300)


def test_a_program_runs_in_an_environment_that_its_node_has_built(ray: RayCluster) -> None:
    running = RunningRayEngine(ray).warm()
    solver = UvSolver(60, only_wheels=True, given=[pinned("ray")])
    try:
        lock = patiently(running, solver.solve(["pendulum>=3"]))
        assert "+ pendulum==" in patiently(running, running.engine.build(lock))
        patiently(
            running,
            running.engine.start(running.launch(running.gateway.add(tar_of({"main.py": ""})), environment=lock.digest)),
        )
        program = "import os, sys, pendulum\nprint(sys.prefix, 'py_executable' in os.environ['TREADLE_RUNTIME_ENV'])"
        job, outcome = running.finish(program, environment=lock.digest)
        assert outcome.exit_code == 0, job.text
        assert job.text.split() == [f"{running.home.resolve()}/environments/{lock.digest}", "True"]
    finally:
        running.close()


def test_what_a_node_cannot_build_is_told_with_its_log(ray: RayCluster) -> None:
    running = RunningRayEngine(ray).warm()
    try:
        with pytest.raises(BuildFailedError, match="pendulum") as failure:
            patiently(running, running.engine.build(BROKEN))
        assert "pendulum" in failure.value.log
        job = running.gateway.add(b"")
        with pytest.raises(EnvironmentUnusableError, match="cannot be fetched"):
            running.start(job, environment=BROKEN.digest)
        _, outcome = running.finish("pass")
        assert outcome.exit_code == 0
    finally:
        running.close()
