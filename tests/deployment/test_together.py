"""The parts of a platform with the variables that the chart gives them, and every secret in a file, on real servers."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from qiskit_serverless import QiskitFunction, ServerlessClient
from tests.deployment.chart import SMALLEST, pods, variables
from tests.postgresql import PostgresqlServer
from tests.ray_cluster import RayCluster
from tests.running_platform import RunningPlatform, start_platform
from tests.s3 import S3Server
from tests.unit.cli.command import treadle_here

PROGRAM = """\
from qiskit_serverless import distribute_task, get, save_result

@distribute_task()
def square(x):
    return x * x

save_result(get([square(x) for x in range(4)]))
"""


@pytest.fixture
def folder(tmp_path: Path, postgresql: PostgresqlServer, s3: S3Server) -> Path:
    """A folder of secrets, as docs/deploying.md makes it."""
    treadle_here({}, "secrets", tmp_path)
    given = s3.settings()
    (tmp_path / "treadle_database").write_text(postgresql.new_database())
    for name in ("TREADLE_OBJECTS_ACCESS_KEY", "TREADLE_OBJECTS_SECRET_KEY"):
        (tmp_path / name.lower()).write_text(given[name])
    return tmp_path


def given_to(role: str, here: dict[str, str]) -> dict[str, str]:
    """Return what the chart gives a part, with the addresses of this machine."""
    return {**variables(pods(SMALLEST)[role].container(role)), **here}


@pytest.fixture
def parts(folder: Path, ray: RayCluster, s3: S3Server) -> Iterator[tuple[RunningPlatform, dict[str, str]]]:
    """A gateway and a dispatcher; and the gateway's variables."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    here = {name: value for name, value in s3.settings().items() if not name.endswith("_KEY")} | {
        **ray.variables,
        "TREADLE_SECRETS": str(folder),
        "TREADLE_RAY_ADDRESS": ray.address,
        "TREADLE_URL": f"http://127.0.0.1:{port}",
    }
    with ExitStack() as stack:
        stack.enter_context(closing(start_platform(**given_to("dispatcher", here))))
        gateway = start_platform(port, **given_to("gateway", here))
        stack.enter_context(closing(gateway))
        yield gateway, gateway.variables


@pytest.mark.timeout(180)  # a cluster starts, and a platform of two parts
def test_a_user_whom_the_operator_makes_at_a_gateway_runs_a_job_on_the_cluster(
    parts: tuple[RunningPlatform, dict[str, str]], folder: Path, tmp_path: Path
) -> None:
    gateway, variables_of_gateway = parts
    (tmp_path / "main.py").write_text(PROGRAM)

    made = treadle_here({**variables_of_gateway, "TREADLE_HOME": str(gateway.home)}, "user", "add", "ada", "--json")
    client = ServerlessClient(host=gateway.url, token=json.loads(made.stdout)["token"])
    function = client.upload(QiskitFunction(title="squares", entrypoint="main.py", working_dir=str(tmp_path)))

    assert function.run().result() == [0, 1, 4, 9]

    owner = (folder / "treadle_owner_token").read_text().strip()
    assert ServerlessClient(host=gateway.url, token=owner).functions() == []
    assert not (gateway.home / "secret.key").exists()
    assert not (gateway.home / "treadle.db").exists()
