"""Large arguments and results: they travel in containers between our own client, gateway and program, and as JSON to others."""

import base64
import json
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import RuntimeDecoder

from qiskit_serverless import QiskitFunction, ServerlessClient
from qiskit_serverless.functions import RunnableQiskitFunction
from qiskit_serverless.serialization import dumps, loads
from qiskit_serverless.serialization.container import MAGIC, MEDIA_TYPE, written
from qiskit_serverless.serialization.packing import pack
from tests.running_platform import RunningPlatform

ECHO = """
import os
from pathlib import Path
from qiskit_serverless import get_arguments, save_result
arguments = get_arguments()
beginning = Path(os.environ["ARGUMENTS_PATH"]).read_bytes()[:8]
save_result({"arguments": arguments, "beginning": beginning})
"""

ZEROS = """
import numpy
from qiskit_serverless import get_arguments, save_result
save_result(numpy.random.default_rng(1).random(get_arguments()["elements"]))
"""


@pytest.fixture
def client(platform: RunningPlatform) -> ServerlessClient:
    return ServerlessClient(host=platform.url, token=platform.token)


@pytest.fixture
def echo(client: ServerlessClient, tmp_path: Path) -> RunnableQiskitFunction:
    return uploaded(client, "values-echo", ECHO, tmp_path)


def uploaded(client: ServerlessClient, title: str, program: str, folder: Path) -> RunnableQiskitFunction:
    (folder / "main.py").write_text(program)
    return client.upload(QiskitFunction(title=title, entrypoint="main.py", working_dir=str(folder)))


def circuit() -> QuantumCircuit:
    made = QuantumCircuit(2, metadata={"made": "here"})
    made.h(0)
    made.cx(0, 1)
    return made


def answer_to(platform: RunningPlatform, path: str, encoding: str | None = None) -> tuple[str, bytes]:
    """Return kind and content of the answer to a question of a client that sends this ``Treadle-Encoding``."""
    request = urllib.request.Request(platform.url + path, headers={"Authorization": f"Bearer {platform.token}"})
    if encoding:
        request.add_header("Treadle-Encoding", encoding)
    with urllib.request.urlopen(request) as answer:
        return answer.headers["Content-Type"], answer.read()


def test_large_values_come_and_go_in_containers(echo: RunnableQiskitFunction) -> None:
    array = np.arange(100_000, dtype=np.float32).reshape(100, 1000)
    result = echo.run(array=array, circuits=[circuit()] * 3, nested={"deep": (array[:2], b"x" * 70_000)}).result()
    assert result["beginning"] == MAGIC
    np.testing.assert_array_equal(result["arguments"]["array"], array)
    assert result["arguments"]["circuits"] == [circuit()] * 3
    np.testing.assert_array_equal(result["arguments"]["nested"]["deep"][0], array[:2])
    assert result["arguments"]["nested"]["deep"][1] == b"x" * 70_000
    result["arguments"]["array"][0, 0] = 7.0  # what the gateway sent can be written to, as any array


def test_small_values_stay_json(echo: RunnableQiskitFunction) -> None:
    result = echo.run(array=np.arange(3)).result()
    assert result["beginning"].startswith(b'{"array"')
    np.testing.assert_array_equal(result["arguments"]["array"], np.arange(3))


def test_other_clients_get_json_of_the_same_value(platform: RunningPlatform, echo: RunnableQiskitFunction) -> None:
    array = np.random.default_rng(0).random(50_000)
    job = echo.run(array=array, circuit=circuit(), both=(1, b"x" * 70_000), text='"quoted" \u00fc')
    job.result()
    for path in (f"/api/v1/jobs/{job.job_id}/result/", f"/api/v1/jobs/{job.job_id}/"):
        kind, content = answer_to(platform, path)
        assert kind == "application/json"
        arguments = json.loads(json.loads(content)["result"], cls=RuntimeDecoder)["arguments"]
        np.testing.assert_array_equal(arguments["array"], array)
        assert arguments["circuit"] == circuit()
        assert arguments["both"] == [1, base64.b64encode(b"x" * 70_000).decode()]
        assert arguments["text"] == '"quoted" \u00fc'


def test_clients_up_to_0_30_get_circuits_that_an_older_qiskit_reads(
    platform: RunningPlatform, echo: RunnableQiskitFunction
) -> None:
    job = echo.run(array=np.zeros(20_000), circuits=[circuit()] * 3)
    job.result()
    _, content = answer_to(platform, f"/api/v1/jobs/{job.job_id}/")
    circuits = json.loads(json.loads(content)["result"])["arguments"]["circuits"]
    assert {zlib.decompress(base64.b64decode(each["__value__"]))[6] for each in circuits} == {13}


def test_clients_that_know_our_tags_alone_get_them_in_json(
    platform: RunningPlatform, client: ServerlessClient, echo: RunnableQiskitFunction
) -> None:
    job = echo.run(array=np.zeros(20_000), pair=(1, 2))
    job.result()
    _, content = answer_to(platform, f"/api/v1/jobs/{job.job_id}/result/", encoding="1")
    assert loads(json.loads(content)["result"])["arguments"]["pair"] == (1, 2)
    assert client.raw_result(job.job_id) == json.loads(content)["result"]


def test_a_container_that_is_cut_short_makes_no_job(platform: RunningPlatform, client: ServerlessClient) -> None:
    before = len(client.jobs(limit=0))
    content = b"".join(pack({"array": np.random.default_rng(0).random(20_000)}))
    for wrong in (content[:-1], content[:20], content + b"x", b"{}" + b"\xff"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            submitted(platform, "values-echo", wrong)
        assert refused.value.code == 400
        assert "arguments cannot be stored" in refused.value.read().decode()
    assert len(client.jobs(limit=0)) == before


def submitted(platform: RunningPlatform, title: str, content: bytes) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {platform.token}", "Content-Type": MEDIA_TYPE}
    request = urllib.request.Request(f"{platform.url}/api/v1/programs/run/?title={title}", content, headers)
    with urllib.request.urlopen(request) as answer:
        return dict(json.loads(answer.read()))


def test_limits_are_said(make_platform: Any, tmp_path: Path) -> None:
    platform = make_platform(TREADLE_LARGEST_VALUE="300000")
    client = ServerlessClient(host=platform.url, token=platform.token)
    large = uploaded(client, "large", ZEROS, tmp_path)
    with pytest.raises(Exception, match=r"arguments has [0-9]+ bytes or more, and this platform takes 300000 at most"):
        large.run(elements=np.random.default_rng(0).random(50_000))
    with pytest.raises(Exception, match="takes 300000 at most"):  # a bomb: small here, large once it is unpacked
        large.run(elements=np.zeros(50_000))
    with pytest.raises(Exception, match=r"the result was refused: .* takes 300000 at most"):
        large.run(elements=50_000).result()


def test_a_head_is_as_large_as_other_json_at_most(make_platform: Any, tmp_path: Path) -> None:
    platform = make_platform(TREADLE_LARGEST_BODY="100000")
    uploaded(ServerlessClient(host=platform.url, token=platform.token), "large", ZEROS, tmp_path)
    bomb = b"".join(written([[b'{"text":"', bytes(200_000), b'"}']]))
    assert len(bomb) < 1000
    with pytest.raises(urllib.error.HTTPError) as refused:
        submitted(platform, "large", bomb)
    assert b"takes 100000 at most" in refused.value.read()


def test_the_gateway_stays_small_with_a_large_result(own_platform: RunningPlatform, tmp_path: Path) -> None:
    client = ServerlessClient(host=own_platform.url, token=own_platform.token)
    function = uploaded(client, "large", ZEROS, tmp_path)
    function.run(elements=10).result()
    gateway = psutil.Process(own_platform.process.pid)
    before = gateway.memory_info().rss
    array = function.run(elements=16_000_000).result()
    grown = gateway.memory_info().rss - before
    assert array.nbytes == 128_000_000
    assert array[-1] == np.random.default_rng(1).random(16_000_000)[-1]
    assert grown < 60_000_000


def test_arguments_in_a_container_are_checked_against_the_schema_as_json(
    client: ServerlessClient, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text(ECHO)
    schema = {"properties": {"array": {"properties": {"__type__": {"const": "ndarray"}}}, "n": {"type": "integer"}}}
    function = client.upload(
        QiskitFunction(title="values-schema", entrypoint="main.py", working_dir=str(tmp_path), arguments_schema=schema)
    )
    array = np.random.default_rng(0).random(20_000)
    assert function.run(array=array, n=1).result()["arguments"]["n"] == 1
    with pytest.raises(Exception, match="type"):
        function.run(array=array, n="one")


def test_what_the_json_of_a_container_says_is_what_dumps_says(
    platform: RunningPlatform, echo: RunnableQiskitFunction
) -> None:
    job = echo.run(array=np.random.default_rng(0).random(20_000), small=np.arange(10))
    result = job.result()
    _, content = answer_to(platform, f"/api/v1/jobs/{job.job_id}/result/", encoding="1")
    assert repr(loads(json.loads(content)["result"])) == repr(loads(dumps(result)))


def test_a_program_with_an_older_qiskit_gets_circuits_that_it_reads(client: ServerlessClient, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import qiskit\n" + ECHO.replace("beginning}", "qiskit.__version__}"))
    older = client.upload(
        QiskitFunction(
            title="values-older", entrypoint="main.py", working_dir=str(tmp_path), dependencies=["qiskit==2.0.3"]
        )
    )
    for value in ({"circuit": circuit(), "pair": (1, 2)}, {"circuit": circuit(), "bytes": b"x" * 70_000}):
        assert older.run(**value).result() == {"arguments": value, "beginning": "2.0.3"}
