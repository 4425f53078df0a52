"""Large arguments and results: against a plain upload and download through the same gateway, and against JSON."""

import http.client
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, SamplerPubResult

from benchmarks.platform import client_at, platform_up, upload
from benchmarks.table import Finding, at_most, median_of
from qiskit_serverless import ServerlessClient
from qiskit_serverless.functions import RunnableQiskitFunction
from qiskit_serverless.jobs import Job
from qiskit_serverless.serialization import dumps, loads
from qiskit_serverless.serialization.tags import Value

ELEMENTS = 6_250_000  # of 8 bytes: 50 MB
HUGE = 250_000_000  # 2 GB

TAKE = """
from qiskit_serverless import get_arguments, save_result
save_result(len(get_arguments()["value"]))
"""

GIVE = """
import numpy
from qiskit_serverless import get_arguments, save_result
save_result(numpy.random.default_rng(1).random(get_arguments()["elements"]))
"""

RETURN = """
from qiskit_serverless import get_arguments, save_result
save_result(get_arguments()["value"])
"""


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def plain(home: Path, url: str, data: bytes) -> tuple[float, float]:
    """Time an upload and a download of bytes by nothing but a socket: as a file of the user."""
    token = (home / "token").read_text().strip()
    boundary = "benchmark"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="plain.bin"\r\n\r\n'.encode()
    body = head + data + f"\r\n--{boundary}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    up = seconds(lambda: _exchange(url, token, "POST", "/api/v1/files/upload/?function=take", body, kind))
    down = seconds(
        lambda: _exchange(url, token, "GET", "/api/v1/files/download/?function=take&file=plain.bin", b"", {})
    )
    return up, down


def _exchange(url: str, token: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, blocksize=1 << 20)
    connection.request(method, path, body, {"Authorization": f"Bearer {token}", **headers})
    answer = connection.getresponse()
    while answer.read(1 << 20):
        pass
    assert answer.status == 200, answer.status
    connection.close()


def as_json(client: ServerlessClient) -> ServerlessClient:
    """Return a client that takes the gateway for one without containers."""
    other = ServerlessClient(host=client.host, token=client.token, channel="local")
    other._takes_containers = False
    return other


def array(client: ServerlessClient, home: Path, url: str, rounds: int) -> Iterator[Finding]:
    """Measure an array of 50 MB as argument and as result."""
    value = np.random.default_rng(0).random(ELEMENTS)
    take, give = upload(client, "take", TAKE), upload(client, "give", GIVE)
    transfers = [plain(home, url, value.tobytes()) for _ in range(rounds)]
    up, down = (sorted(each)[rounds // 2] for each in zip(*transfers, strict=True))
    nothing, _ = median_of(lambda: seconds(lambda: take.run(value=[]).result()), rounds)
    taken, spread = median_of(lambda: seconds(lambda: take.run(value=value).result()), rounds)
    slow = as_json(client)
    json_taken = seconds(lambda: slow.run("take", {"value": value}).result())
    remark = f"{spread} in all; plain upload {up:.2f} s, small job {nothing:.2f} s; as JSON {json_taken:.2f} s in all"
    yield at_most("50 MB array as argument, above upload and small job", taken - up - nothing, "s", 0.5, remark)
    given, spread = median_of(lambda: seconds(lambda: give.run(elements=ELEMENTS).result()), rounds)
    job = give.run(elements=ELEMENTS)
    job.result()
    json_read = seconds(lambda: loads(slow.raw_result(job.job_id)))
    read = seconds(lambda: client.result(job.job_id))
    remark = f"{spread} in all; plain download {down:.2f} s; reading alone {read:.2f} s, as JSON {json_read:.2f} s"
    yield at_most("50 MB array as result, above download and small job", given - down - nothing, "s", 0.5, remark)


def objects(client: ServerlessClient, rounds: int) -> Iterator[Finding]:
    """Measure circuits and the counts of shots, there and back."""
    both = upload(client, "return", RETURN)
    for name, value in (("100 circuits of 100 qubits", _circuits()), ("100,000 shots of 100 bits", _shots())):
        taken, spread = median_of(_there_and_back(both, value), rounds)
        slow = as_json(client)

        def by_json(value: Value = value, slow: ServerlessClient = slow) -> object:
            return loads(slow.raw_result(_ended(slow.run("return", {"value": value}))))

        json_taken = seconds(by_json)
        remark = f"{spread}; by JSON {json_taken:.2f} s, {len(dumps(value)) / 1e6:.1f} MB of it"
        yield at_most(f"{name}, there and back", taken, "s", json_taken, remark)


def _there_and_back(function: RunnableQiskitFunction, value: Value) -> Callable[[], float]:
    return lambda: seconds(lambda: function.run(value=value).result())


def _ended(job: Job) -> str:
    for _ in job.follow(logs=False):
        pass
    return str(job.job_id)


def _circuits() -> list[QuantumCircuit]:
    ansatz = efficient_su2(100, reps=2).decompose()
    numbers = np.random.default_rng(0)
    return [ansatz.assign_parameters(numbers.random(ansatz.num_parameters)) for _ in range(100)]


def _shots() -> Value:
    bits = np.random.default_rng(0).integers(0, 256, (100_000, 13), dtype=np.uint8)
    bits[:, 0] &= 0x0F
    return PrimitiveResult([SamplerPubResult(DataBin(meas=BitArray(bits, 100)))])


def huge(client: ServerlessClient, gateway: psutil.Process) -> Iterator[Finding]:
    """Measure a result of 2 GB, and how large it makes the gateway."""
    give = upload(client, "give", GIVE)
    before = gateway.memory_info().rss
    began = time.perf_counter()
    result = give.run(elements=HUGE).result()
    taken = time.perf_counter() - began
    grown = (gateway.memory_info().rss - before) / 1e6
    assert result.nbytes == 8 * HUGE
    remark = f"{taken:.0f} s in all, {result.nbytes / 1e6 / taken:.0f} MB/s"
    yield at_most("a result of 2 GB: what the gateway grows by", grown, "MB", 100, remark)


def findings(rounds: int = 5) -> Iterator[Finding]:
    """Measure everything about large values."""
    home = Path(tempfile.mkdtemp(prefix="treadle-bench-"))
    with platform_up(home) as (process, url, _):
        client = client_at(home, url)
        yield from array(client, home, url, rounds)
        yield from objects(client, rounds)
        yield from huge(client, psutil.Process(process.pid))
    shutil.rmtree(home)
