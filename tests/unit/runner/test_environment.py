"""What a program finds in its environment variables, and how many threads its libraries may use."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from treadle.domain.budget import Budget
from treadle.domain.launch import Launch
from treadle.runner.attempt import AttemptFolder
from treadle.runner.environment import ONE_THREAD, job_environment, threads
from treadle.runner.ray import has_ray

CORES = os.cpu_count() or 1


@pytest.fixture
def folder(tmp_path: Path) -> AttemptFolder:
    return AttemptFolder.of(tmp_path, "some-job", 3)


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ray cannot be imported."""
    monkeypatch.setitem(sys.modules, "ray", None)  # how the import system notes that
    has_ray.cache_clear()
    yield
    has_ray.cache_clear()


def launch(cpu: float = 2.0, token: str = "job-token", **variables: str) -> Launch:
    budget = Budget(cpu, 0.0, 10**9)
    return Launch("some-job", 3, "http://here", token, "main.py", "d" * 64, "/data/ada", variables, budget, 1.0)


def test_a_program_finds_its_job_its_files_and_its_budget(folder: AttemptFolder) -> None:
    found = job_environment(launch(), folder, {"LANG": "C.UTF-8"})
    assert found["ENV_JOB_ID_GATEWAY"] == "some-job"
    assert (found["ENV_JOB_GATEWAY_HOST"], found["ENV_JOB_GATEWAY_TOKEN"]) == ("http://here", "job-token")
    assert (found["ARGUMENTS_PATH"], found["RESULTS_PATH"]) == (str(folder.arguments), str(folder.result))
    assert found["TMPDIR"] == str(folder.temporary)
    assert found["LANG"] == "C.UTF-8"
    assert json.loads(found["TREADLE_BUDGET"]) == asdict(Budget(2.0, 0.0, 10**9))


def test_the_folder_of_a_function_without_a_provider_is_the_users(folder: AttemptFolder) -> None:
    found = job_environment(launch(), folder, {})
    assert found["DATA_PATH"] == found["FUNCTION_DATA_PATH"] == "/data/ada"


def test_a_functions_variables_come_before_what_is_inherited(folder: AttemptFolder) -> None:
    found = job_environment(launch(LANG="de_DE.UTF-8", API_KEY="secret"), folder, {"LANG": "C.UTF-8"})
    assert (found["LANG"], found["API_KEY"]) == ("de_DE.UTF-8", "secret")


@pytest.mark.parametrize(
    "name", ["ENV_JOB_ID_GATEWAY", "ENV_JOB_GATEWAY_TOKEN", "DATA_PATH", "TMPDIR", "TREADLE_BUDGET"]
)
def test_no_function_replaces_what_the_platform_sets(folder: AttemptFolder, name: str) -> None:
    assert job_environment(launch(**{name: "mine"}), folder, {}) == job_environment(launch(), folder, {})


@pytest.mark.parametrize(
    ("cpu", "variables", "count"),
    [
        (4.0, {}, 4),
        (2.9, {}, 2),
        (0.5, {}, 1),
        (4.0, {"OMP_NUM_THREADS": "3"}, 3),
        (4.0, {"OMP_NUM_THREADS": "0"}, 1),
        (4.0, {"OMP_NUM_THREADS": "many"}, 4),
        (4.0, {"OMP_NUM_THREADS": "-1"}, 4),
        (4.0, {"OMP_NUM_THREADS": "9" * 5000}, 4),
        (4.0, {"OMP_NUM_THREADS": "\N{SUPERSCRIPT TWO}"}, 4),
    ],
)
def test_libraries_use_as_many_threads_as_the_budget_has_cores_unless_the_function_says_so(
    folder: AttemptFolder, cpu: float, variables: dict[str, str], count: int
) -> None:
    assert threads(launch(cpu, **variables)) == count
    assert job_environment(launch(cpu), folder, ONE_THREAD)["RAYON_NUM_THREADS"] == str(max(1, int(cpu)))


@pytest.mark.usefixtures("no_ray")
def test_where_there_is_no_ray_nothing_is_said_of_it(folder: AttemptFolder) -> None:
    assert not [name for name in job_environment(launch(), folder, {}) if name.startswith("RAY_")]


def test_each_job_has_a_ray_of_its_own(folder: AttemptFolder) -> None:
    found, other = (job_environment(launch(token=token), folder, {}) for token in ("one", "another"))
    assert found["RAY_TMPDIR"] == str(folder.short)
    assert found["RAY_AUTH_MODE"] == "token"
    assert found["RAY_AUTH_TOKEN"] != other["RAY_AUTH_TOKEN"]
    assert "one" not in found["RAY_AUTH_TOKEN"]


@pytest.mark.parametrize(("budget", "seen"), [(1.5, 1), (0.25, 1), (CORES - 0.5, max(1, CORES - 1))])
def test_ray_sees_the_cores_of_a_budget_that_is_smaller_than_the_machine(
    folder: AttemptFolder, monkeypatch: pytest.MonkeyPatch, budget: float, seen: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: CORES + 1)
    found = job_environment(launch(budget), folder, {})
    assert json.loads(found["RAY_OVERRIDE_RESOURCES"]) == {"CPU": seen}


def test_where_the_budget_is_the_whole_machine_ray_finds_out_for_itself(folder: AttemptFolder) -> None:
    assert "RAY_OVERRIDE_RESOURCES" not in job_environment(launch(float(CORES)), folder, {})
