"""Compute profiles: an operator offers them, runs ask for them by name or by size, jobs have what they say."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2
import pytest

from qiskit_serverless import Configuration
from tests.e2e.conftest import Upload, client_of, message, tar_of, upload_with, uploader
from tests.running_platform import RunningPlatform, clean_environment, start_platform
from treadle.domain.budget import Budget

PROFILES = 'default = "cx3d-2x5"\n[cx3d-2x5]\n[bx3d-4x20]\n[gx3d-8x40x1a100p]\ncpu = 7.5\n'
TELLS = """
    import json, os
    from qiskit_serverless import save_result

    names = ("ENV_JOB_COMPUTE_PROFILE", "ENV_JOB_FUNCTION_SIZE")
    save_result({**{name: os.environ[name] for name in names}, "budget": json.loads(os.environ["TREADLE_BUDGET"])})
"""
SIZES = {"S": "cx3d-2x5", "L": "bx3d-4x20"}


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A platform that offers profiles, and a function with sizes on it."""
    folder = tmp_path_factory.mktemp("profiles")
    (folder / "profiles.toml").write_text(PROFILES)
    running = start_platform(TREADLE_COMPUTE_PROFILES=str(folder / "profiles.toml"))
    uploader(client_of(running), folder)("tells", TELLS)
    yield running
    running.close()


@pytest.fixture
def there(sized: RunningPlatform) -> Iterator[httpx2.Client]:
    """A bare HTTP client of that platform."""
    with httpx2.Client(base_url=sized.url, headers={"Authorization": sized.token}, timeout=30) as client:
        yield client


def run(http: httpx2.Client, title: str, **fields: Any) -> httpx2.Response:
    return http.post("/api/v1/programs/run/", json={"title": title, "arguments": "{}", "config": {}, **fields})


def told(sized: RunningPlatform, answer: httpx2.Response) -> Any:
    """Return what the program of a submitted job found in its environment."""
    assert answer.status_code == 200, answer.text
    return client_of(sized).job(answer.json()["id"]).result()


def test_the_profiles_on_offer_can_be_listed(there: httpx2.Client) -> None:
    first, _, gpu = there.get("/api/v1/compute-profiles").json()
    assert first == {"name": "cx3d-2x5", "cpu": 2.0, "mem": 5 * 10**9, "gpu": 0.0, "default": True}
    assert gpu == {"name": "gx3d-8x40x1a100p", "cpu": 7.5, "mem": 40 * 10**9, "gpu": 1.0, "default": False}


def test_a_job_has_what_its_profile_says(sized: RunningPlatform, there: httpx2.Client) -> None:
    answer = run(there, "tells", compute_profile="gx3d-8x40x1a100p")
    assert answer.json()["compute_profile"] == "gx3d-8x40x1a100p"
    found = told(sized, answer)
    assert found["ENV_JOB_COMPUTE_PROFILE"] == "gx3d-8x40x1a100p"
    assert found["budget"] == asdict(Budget(7.5, 1.0, 40 * 10**9))
    shown = there.get(f"/api/v1/jobs/{answer.json()['id']}/?with_result=false").json()
    listed = there.get("/api/v1/jobs/?limit=1").json()["results"][0]
    assert shown["compute_profile"] == listed["compute_profile"] == "gx3d-8x40x1a100p"
    assert told(sized, run(there, "tells", compute_profile=""))["ENV_JOB_COMPUTE_PROFILE"] == "cx3d-2x5"


def test_a_size_stands_for_a_profile(sized: RunningPlatform, there: httpx2.Client) -> None:
    fields = {"title": "tells", "sizes": json.dumps(SIZES), "default_size": "S"}
    assert upload_with(there, **fields).json()["default_size"] == "S"
    assert there.get("/api/v1/programs/get_by_title/tells/").json()["sizes"] == SIZES
    large = told(sized, run(there, "tells", function_size="l"))
    assert (large["ENV_JOB_FUNCTION_SIZE"], large["ENV_JOB_COMPUTE_PROFILE"]) == ("L", "bx3d-4x20")
    usual = told(sized, run(there, "tells"))
    assert (usual["ENV_JOB_FUNCTION_SIZE"], usual["ENV_JOB_COMPUTE_PROFILE"]) == ("S", "cx3d-2x5")
    assert message(run(there, "tells", function_size="XL")) == (
        "Function size 'XL' doesn't exist. Its sizes are: S, L."
    )
    assert message(run(there, "tells", function_size="S", compute_profile="cx3d-2x5")).startswith("Both function_size")
    assert "sizes" not in upload_with(there, title="tells", sizes="{}").json()


def test_the_words_for_sizes_and_profiles_that_make_no_sense(there: httpx2.Client) -> None:
    assert message(run(there, "tells", compute_profile="large")).startswith("Invalid compute_profile 'large'.")
    assert message(run(there, "tells", compute_profile="cx3d-2x6")) == (
        "Compute profile 'cx3d-2x6' doesn't exist. There are: cx3d-2x5, bx3d-4x20, gx3d-8x40x1a100p."
    )
    new = {"title": "new", "entrypoint": "main.py"}
    for sizes, words in [
        ('{"S": "cx3d-2x6"}', "Compute profile 'cx3d-2x6' doesn't exist."),
        ('["S"]', "Invalid data. Expected a dictionary"),
        ("{", "Value must be valid JSON: "),
        ('{"S": 5}', "Not a valid string."),
    ]:
        assert message(upload_with(there, tar_of(main_py=""), sizes=sizes, **new)).startswith(words)
    default = message(upload_with(there, tar_of(main_py=""), sizes='{"S": "cx3d-2x5"}', default_size="M", **new))
    assert default == "default_size 'M' is none of the function's sizes: S."


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"workers": 6}, "Ensure this value is less than or equal to 5."),
        ({"min_workers": 3}, "Ensure this value is less than or equal to 2."),
        ({"max_workers": 11}, "Ensure this value is less than or equal to 10."),
        ({"workers": "x"}, "A valid integer is required."),
        ({"auto_scaling": "perhaps"}, "Must be a valid boolean."),
        ({"min_workers": 2, "max_workers": 1}, "min_workers 2 is more than max_workers 1."),
        ([], "Invalid data. Expected a dictionary"),
    ],
)
def test_the_words_for_a_config_that_makes_no_sense(there: httpx2.Client, config: Any, words: str) -> None:
    assert message(run(there, "tells", config=config)).startswith(words)


def test_a_config_is_taken_as_json_and_in_a_form(sized: RunningPlatform, there: httpx2.Client) -> None:
    config = {"workers": 5, "min_workers": None, "auto_scaling": True, "unknown": 1}
    told(sized, run(there, "tells", config=config))
    form = {"title": "tells", "arguments": "{}", "config": json.dumps(config)}
    told(sized, there.post("/api/v1/programs/run/", data=form))


def test_a_platform_does_not_start_with_profiles_that_make_no_sense(tmp_path: Path) -> None:
    (tmp_path / "profiles.toml").write_text("[large]")
    command = [sys.executable, "-m", "treadle.cli", "up", "--home", tmp_path / "home", "--port", "0"]
    variables = {**clean_environment(), "TREADLE_COMPUTE_PROFILES": str(tmp_path / "profiles.toml")}
    ended = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=30)
    assert ended.returncode != 0
    assert "Invalid compute_profile 'large'" in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr


COUNTS = """
import time
from qiskit_serverless import distribute_task, get, save_result

@distribute_task(target={"cpu": 0.1})
def span(_):
    began = time.monotonic()
    time.sleep(0.05)
    return began, time.monotonic()

spans = get([span(number) for number in range(8)])
save_result(max(sum(began <= moment < ended for began, ended in spans) for moment, _ in spans))
"""


def test_no_more_tasks_run_at_once_than_a_run_has_workers(upload: Upload) -> None:
    counts = upload("counts", COUNTS)
    assert counts.run(config=Configuration(workers=1)).result() == 1
    assert counts.run(config=Configuration(auto_scaling=True, max_workers=2)).result() <= 2
