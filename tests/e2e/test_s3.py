"""A platform whose objects and logs lie in an S3 store: large values pass by the gateway, small ones and logs go through it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx2
import numpy as np
import pytest

from qiskit_serverless import AsyncServerlessClient, QiskitFunction, ServerlessClient
from qiskit_serverless.exceptions import InvalidRequestError
from qiskit_serverless.functions import RunnableQiskitFunction
from qiskit_serverless.object_store import download
from qiskit_serverless.serialization.container import MAGIC
from tests.e2e.breaking_network import breaking_network
from tests.running_platform import RunningPlatform, Traffic, clean_environment, start_platform
from tests.s3 import S3Server

pytestmark = pytest.mark.anyio
PROJECT = Path(__file__).parents[2]
MIB = 2**20
ELEMENTS = 3 * MIB
"""Numbers of 8 bytes, which do not compress: two parts."""

PROGRAM = """
import numpy
from qiskit_serverless import get_arguments, save_result
arguments = get_arguments()
print("the program was here")
if "text" in arguments:
    save_result({"text": "\\u00e4" * arguments["text"]})
elif "array" in arguments:
    save_result({"sum": float(arguments["array"].sum())})
else:
    save_result({"array": numpy.random.default_rng(1).random(arguments["elements"])})
"""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def platform(s3: S3Server) -> Iterator[RunningPlatform]:
    running = start_platform(**s3.settings())
    yield running
    running.close()


@pytest.fixture
def function(platform: RunningPlatform, tmp_path: Path) -> RunnableQiskitFunction:
    return uploaded(platform, tmp_path)


def uploaded(platform: RunningPlatform, folder: Path) -> RunnableQiskitFunction:
    (folder / "main.py").write_text(PROGRAM)
    client = ServerlessClient(host=platform.url, token=platform.token)
    return client.upload(QiskitFunction("s3", entrypoint="main.py", working_dir=str(folder)))


def expected() -> np.ndarray:
    return np.random.default_rng(1).random(ELEMENTS)


def test_small_values_and_logs_go_through_the_gateway(
    function: RunnableQiskitFunction, s3: S3Server, platform: RunningPlatform
) -> None:
    job = function.run(elements=3)
    np.testing.assert_array_equal(job.result()["array"], expected()[:3])
    assert job.logs() == "the program was here\n"
    keys = s3.keys(platform.variables["TREADLE_OBJECTS"])
    assert f"arguments/{job.job_id}.json" in keys
    assert f"results/{job.job_id}.1.json" in keys
    assert f"logs/{job.job_id}/0000000000000000" in keys
    assert not (platform.home / "objects").exists()
    assert not (platform.home / "logs").exists()


def test_the_page_names_the_settings_of_such_a_platform(s3: S3Server) -> None:
    block = (PROJECT / "docs" / "s3.md").read_text().partition("```sh\n")[2].partition("```")[0]
    assert {line.partition("=")[0] for line in block.splitlines()} == set(s3.settings())


def test_a_platform_that_cannot_use_its_bucket_does_not_start_and_says_why(s3: S3Server, tmp_path: Path) -> None:
    variables = {**clean_environment(), **s3.settings(), "TREADLE_OBJECTS_SECRET_KEY": "wrong"}
    command = [sys.executable, "-m", "treadle.cli", "up", "--home", str(tmp_path / "home"), "--port", "0"]
    ended = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert ended.returncode != 0
    assert "refuses the platform's credentials for the bucket 'objects'" in ended.stderr
    assert "TREADLE_OBJECTS_SECRET_KEY" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_large_result_passes_by_the_gateway_both_ways(
    function: RunnableQiskitFunction, platform: RunningPlatform, s3: S3Server
) -> None:
    traffic = Traffic(platform)
    job = function.run(elements=ELEMENTS)
    result = job.result()
    np.testing.assert_array_equal(result["array"], expected())
    assert traffic.size < 4 * MIB
    assert s3.read(platform.variables["TREADLE_OBJECTS"], f"results/{job.job_id}.1.json")[:8] == MAGIC


def test_large_arguments_pass_by_the_gateway_both_ways(
    function: RunnableQiskitFunction, platform: RunningPlatform, s3: S3Server
) -> None:
    traffic = Traffic(platform)
    job = function.run(array=expected())
    assert job.result() == {"sum": pytest.approx(expected().sum())}
    assert traffic.size < 4 * MIB
    assert s3.read(platform.variables["TREADLE_OBJECTS"], f"arguments/{job.job_id}.json")[:8] == MAGIC


def test_uploaded_arguments_are_checked_as_others_are(platform: RunningPlatform, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PROGRAM)
    client = ServerlessClient(host=platform.url, token=platform.token)
    schema = {"properties": {"array": {"type": "string"}}}
    function = client.upload(
        QiskitFunction("s3-schema", entrypoint="main.py", working_dir=str(tmp_path), arguments_schema=schema)
    )
    with pytest.raises(InvalidRequestError, match="characters long and the maximum"):
        function.run(array=expected())


async def test_an_asynchronous_client_does_the_same(
    function: RunnableQiskitFunction, platform: RunningPlatform
) -> None:
    traffic = Traffic(platform)
    async with AsyncServerlessClient(host=platform.url, token=platform.token) as client:
        job = await client.run("s3", {"array": expected()})
        assert (await job.result())["sum"] == pytest.approx(expected().sum())
        large = await client.run("s3", {"elements": ELEMENTS})
        np.testing.assert_array_equal((await large.result())["array"], expected())
    assert traffic.size < 8 * MIB


def bare(platform: RunningPlatform, path: str, host: str = "127.0.0.1") -> httpx2.Response:
    """Return the answer that a client gets who knows nothing of ours, and does not follow redirects."""
    url = f"http://{host}:{urlsplit(platform.url).port}{path}"
    return httpx2.get(url, headers={"Authorization": f"Bearer {platform.token}"}, timeout=60)


@pytest.mark.parametrize("argument", [{"text": 2 * MIB}, {"elements": ELEMENTS}], ids=["text", "container"])
def test_other_clients_are_led_to_the_json_text_of_a_large_result(
    function: RunnableQiskitFunction, platform: RunningPlatform, argument: dict[str, int]
) -> None:
    job = function.run(**argument)
    whole = job.result()
    path = f"/api/v1/jobs/{job.job_id}/result/"
    for _ in range(2):
        answer = bare(platform, path)
        assert answer.status_code == 302
        assert answer.headers["Cache-Control"] == "no-store"
        assert urlsplit(answer.headers["Location"]).hostname == "localhost"
    traffic = Traffic(platform)
    found = httpx2.get(bare(platform, path).headers["Location"], timeout=60)
    assert traffic.size < MIB
    assert found.headers["Content-Type"] == "application/json"
    through_gateway = bare(platform, path, host="localhost")  # a redirect to the same host would not be understood
    assert through_gateway.status_code == 200
    assert json.loads(found.text) == json.loads(through_gateway.json()["result"])
    if "text" in argument:
        assert json.loads(found.text) == whole


def test_clients_that_look_a_result_up_with_its_job_get_it_through_the_gateway(
    function: RunnableQiskitFunction, platform: RunningPlatform
) -> None:
    job = function.run(text=2 * MIB)
    whole = job.result()
    record = bare(platform, f"/api/v1/jobs/{job.job_id}/").json()
    assert json.loads(record["result"]) == whole


def test_a_small_result_is_no_redirect(function: RunnableQiskitFunction, platform: RunningPlatform) -> None:
    job = function.run(text=3)
    job.result()
    answer = bare(platform, f"/api/v1/jobs/{job.job_id}/result/")
    assert json.loads(answer.json()["result"]) == {"text": "äää"}


def test_a_network_that_breaks_between_worker_or_client_and_store(s3: S3Server, tmp_path: Path) -> None:
    limit = 8 * MIB
    with breaking_network(s3.endpoint, limit) as network:
        platform = start_platform(**s3.settings(), TREADLE_OBJECTS_PUBLIC_ENDPOINT=network.url)
        try:
            function = uploaded(platform, tmp_path)
            job = function.run(elements=ELEMENTS)
            for _ in job.follow():
                pass
            assert network.broken, "while the worker sent the result"
            network.break_again(limit)
            summed = function.run(array=expected())
            assert network.broken, "while the client sent the arguments"
            network.break_again(limit)
            assert summed.result() == {"sum": pytest.approx(expected().sum())}
            assert network.broken, "while the worker received them"
            network.break_again(limit)
            np.testing.assert_array_equal(job.result()["array"], expected())
            assert network.broken, "while the client received it"
        finally:
            platform.close()


def test_who_cannot_reach_the_store_exchanges_large_values_with_the_gateway(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def noted(url: str, size: int, target: BinaryIO) -> str:
        tried.append(url)
        return download(url, size, target)

    monkeypatch.setattr("qiskit_serverless.sync.job_calls.download", noted)
    platform = start_platform(**s3.settings(), TREADLE_OBJECTS_PUBLIC_ENDPOINT="http://127.0.0.1:9")
    try:
        job = uploaded(platform, tmp_path).run(elements=ELEMENTS)
        for _ in range(2):
            np.testing.assert_array_equal(job.result()["array"], expected())
        assert len(tried) == 1, "a store that cannot be reached is not tried for each result"
        said = (platform.home / "runner.log").read_text()
        assert "large values go through the gateway" in said
        assert "X-Amz-Signature" not in said
    finally:
        platform.close()


def test_a_store_that_goes_away_costs_nothing_that_was_accepted(s3: S3Server, tmp_path: Path) -> None:
    with breaking_network(s3.endpoint, 10**12) as network:
        platform = start_platform(**{**s3.settings(), "TREADLE_OBJECTS_ENDPOINT": network.url})
        try:
            job = uploaded(platform, tmp_path).run(elements=3)
            whole = job.result()
            network.go_away()
            answer = bare(platform, f"/api/v1/jobs/{job.job_id}/result/")
            assert answer.status_code == 503
            assert "object store" in answer.json()["message"]
            assert "127.0.0.1" not in answer.text
            network.come_back()
            np.testing.assert_array_equal(job.result()["array"], whole["array"])
        finally:
            platform.close()
