"""A platform that starts when a notebook asks for it, outlives it, and stops when told."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qiskit_serverless import AsyncServerlessClient, LocalClient, QiskitFunction, ServerlessClient
from qiskit_serverless.core import distribute_program
from qiskit_serverless.exceptions import PlatformNotFoundError
from tests.e2e.both_shapes.test_crashes import start_gated
from tests.e2e.conftest import client_of
from tests.running_platform import RunningPlatform, clean_environment
from tests.unit.cli.command import treadle

SUM = "from qiskit_serverless import get_arguments, save_result\nsave_result(sum(get_arguments()['numbers']))\n"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder on which nothing runs yet, and nothing will be left running."""
    folder = Path(tempfile.mkdtemp(prefix="treadle-"))
    for name in ("TREADLE_HOST", "TREADLE_TOKEN", "TREADLE_BIND_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TREADLE_HOME", str(folder))
    yield folder
    treadle(environment(folder), "down")
    shutil.rmtree(folder)


def environment(home: Path) -> dict[str, str]:
    return {**clean_environment(), "TREADLE_HOME": str(home)}


def test_notebooks_that_start_at_once_share_one_platform_which_outlives_them(home: Path) -> None:
    notebook = "from qiskit_serverless import ServerlessClient; print(ServerlessClient.local().host)"
    command = [sys.executable, "-c", notebook]
    with ThreadPoolExecutor() as pool:
        urls = [
            pool.submit(subprocess.check_output, command, env=environment(home), text=True, timeout=50)
            for _ in range(3)
        ]
        [url] = {each.result().strip() for each in urls}
    with ServerlessClient() as client:
        assert client.host == url
        assert client.functions() == []
    stopped = treadle(environment(home), "down")
    assert (stopped.returncode, stopped.stderr) == (0, f"Stopped the platform at {url}.\n")
    assert not (home / "gateway.json").exists()
    with pytest.raises(PlatformNotFoundError, match=r"`treadle up`|ServerlessClient\.local\(\)"):
        ServerlessClient()


def test_a_local_client_runs_functions_on_this_machine(home: Path, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(SUM)
    with LocalClient() as client:
        client.upload(QiskitFunction("sum", entrypoint="main.py", working_dir=str(tmp_path)))
        assert client.run("sum", arguments={"numbers": [1, 2, 3]}).result() == 6
        assert "sum" in repr(client.widget())
    up = treadle(environment(home), "up", "--detach", "--json")
    assert json.loads(up.stdout)["url"] == client.host  # the one that runs is fine


@pytest.mark.anyio
async def test_the_asynchronous_client_starts_one_too(home: Path) -> None:
    async with await AsyncServerlessClient.local() as client:
        assert await client.functions() == []
        assert (home / "gateway.log").is_file()


def test_a_platform_that_cannot_be_started_says_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_HOME", "/proc/none")
    with pytest.raises(PlatformNotFoundError, match=r"/proc/none cannot be written"):
        ServerlessClient.local()
    monkeypatch.setenv("TREADLE_HOME", str(home))
    monkeypatch.setenv("TREADLE_BIND_PORT", "1")
    monkeypatch.setenv("TREADLE_BIND_HOST", "192.0.2.1")  # kept for documentation: nobody's address
    with pytest.raises(PlatformNotFoundError, match=r"did not start[\s\S]*Cannot listen on 192\.0\.2\.1 port 1"):
        ServerlessClient.local()


def test_there_is_nothing_to_stop_where_nothing_runs(tmp_path: Path) -> None:
    done = treadle(environment(tmp_path), "down")
    assert done.returncode == 5
    assert f"No platform runs on {tmp_path}" in done.stderr


def test_a_plain_function_is_run_as_a_job(client: ServerlessClient, tmp_path: Path) -> None:
    from qiskit_serverless import distribute_qiskit_function

    (tmp_path / "offset.txt").write_text("10")

    @distribute_qiskit_function(provider=client, working_dir=str(tmp_path))
    def shifted(numbers: list[int]) -> dict[str, int]:
        """Add what the file says."""
        return {"sum": sum(numbers) + int(Path("offset.txt").read_text())}

    job = shifted(numbers=[1, 2])
    assert job.result() == {"sum": 13}
    assert client.function("shifted").description == "Add what the file says."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["offset.txt"]


def test_its_old_name_warns(client: ServerlessClient) -> None:
    with pytest.warns(DeprecationWarning, match="distribute_qiskit_function"):
        decorate = distribute_program(provider=client)
    assert callable(decorate)


def test_a_gateway_that_comes_back_on_another_port_is_found_by_its_supervisors(
    own_platform: RunningPlatform, tmp_path: Path
) -> None:
    job, gate, _ = start_gated(own_platform, tmp_path)
    own_platform.kill()
    own_platform.url = "http://127.0.0.1:0"
    own_platform.restart()
    gate.touch()
    again = client_of(own_platform).job(job.job_id)
    assert again.result() == "whole"
