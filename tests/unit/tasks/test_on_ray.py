"""The stories about tasks, told once more with their tasks on a Ray cluster."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ray_cluster import RayCluster

STORIES = (
    "test_calls.py",
    "test_failures.py",
    "test_budget.py",
    "test_graphs.py",
    "test_scheduling.py",
    "test_transport.py",
)
HERE = Path(__file__).parent


@pytest.mark.timeout(900)
@pytest.mark.parametrize("story", STORIES)
def test_tasks_on_a_cluster_do_what_they_do_on_one_machine(ray: RayCluster, story: str) -> None:
    """In a process of its own: one that is connected to a cluster has threads, which other tests here must not have."""
    variables = {**os.environ, **ray.variables, "RAY_ADDRESS": ray.address, "TREADLE_TASKS": "ray"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(HERE / story)]

    done = subprocess.run(command, env=variables, cwd=HERE.parents[2], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
