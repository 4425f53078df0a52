"""The platform: start, memory, jobs, uploads, requests."""

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.gateway_load import requests_per_second
from benchmarks.table import Finding, at_least, at_most, median_of
from qiskit_serverless import QiskitFunction, ServerlessClient
from qiskit_serverless.functions import RunnableQiskitFunction

HELLO = "from qiskit_serverless import save_result\nsave_result({'hello': 'world'})\n"

TRANSPILE = """
import time
from qiskit.circuit.random import random_circuit
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from qiskit_serverless import distribute_task, get, get_arguments, save_result

def transpile(seed):
    circuit = random_circuit(4, 4, seed=seed)
    return generate_preset_pass_manager(1, backend=FakeManilaV2()).run(circuit).depth()

began = time.perf_counter()
if get_arguments()["tasks"]:
    task = distribute_task()(transpile)
    depths = get([task(seed) for seed in range(8)])
else:
    depths = [transpile(seed) for seed in range(8)]
save_result({"depths": depths, "seconds": time.perf_counter() - began})
"""


@contextmanager
def platform_up(home: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    """Run `treadle up` with some settings; yield its process, its URL, and the seconds until it said that it is ready."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "treadle.cli", "up", "--home", str(home), "--port", "0", "--json"],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    ready = time.perf_counter() - began
    try:
        yield process, url, ready
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def client_at(home: Path, url: str) -> ServerlessClient:
    """Return a client of the owner."""
    return ServerlessClient(host=url, token=(home / "token").read_text().strip(), channel="local")


def upload(client: ServerlessClient, title: str, program: str) -> RunnableQiskitFunction:
    """Upload a program of one file."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "main.py").write_text(program)
        return client.upload(QiskitFunction(title=title, entrypoint="main.py", working_dir=folder))


def starts(rounds: int) -> Iterator[Finding]:
    """Time the start, on a home that exists already, up to readiness and up to the first job's end."""
    home = Path(tempfile.mkdtemp(prefix="treadle-bench-"))
    ready, first_job = [], []
    for number in range(rounds + 1):
        began = time.perf_counter()
        with platform_up(home) as (_, url, seconds):
            client = client_at(home, url)
            hello = upload(client, "hello", HELLO) if number == 0 else client.function("hello")
            hello.run().result()
            if number:
                ready.append(seconds)
                first_job.append(time.perf_counter() - began)
    shutil.rmtree(home)
    spread = f"{rounds} rounds, {min(ready):.3g} to {max(ready):.3g}; the incumbent 21 s"
    yield at_most("treadle up to ready", statistics.median(ready), "s", 1.5, spread)
    yield at_most("treadle up to the end of a first job (zygote warm)", statistics.median(first_job), "s", 3.0)


def memory(process: subprocess.Popen[str]) -> Finding:
    """Return the proportional set size of every process of an idle platform."""
    gateway = psutil.Process(process.pid)
    busy = [member for member in gateway.children(recursive=True) if member.name() in ("supervisor", "program")]
    psutil.wait_procs(busy)
    family = [gateway, *gateway.children(recursive=True)]
    sizes = {member.name(): member.memory_full_info().pss / 2**20 for member in family}
    parts = ", ".join(f"{name} {size:.0f}" for name, size in sizes.items())
    total = sum(member.memory_full_info().pss for member in family) / 2**20
    return at_most("idle memory, all processes (PSS)", total, "MB", 250, f"{parts}; the incumbent 1,769 MB")


def hello_world(hello: RunnableQiskitFunction, rounds: int) -> Finding:
    """Time run() until the client sees DONE."""

    def once() -> float:
        began = time.perf_counter()
        hello.run().result()
        return time.perf_counter() - began

    once()
    seconds, spread = median_of(once, rounds)
    return at_most("run() to DONE seen, hello world", seconds, "s", 0.1, f"{spread}; the incumbent 3.9 s")


def eight_tasks(client: ServerlessClient, rounds: int) -> Finding:
    """Time a job of eight tasks of one small transpilation each, above the work itself on all cores."""
    function = upload(client, "transpile", TRANSPILE)
    above = []
    for _ in range(rounds + 1):
        work = function.run(tasks=False).result()["seconds"] / (os.cpu_count() or 1)
        began = time.perf_counter()
        function.run(tasks=True).result()
        above.append(time.perf_counter() - began - work)
    spread = f"{rounds} rounds, {min(above[1:]):.3g} to {max(above[1:]):.3g}; the incumbent 8.5 s"
    return at_most("the same with 8 transpiling tasks, above the work", statistics.median(above[1:]), "s", 0.25, spread)


def uploads(client: ServerlessClient, rounds: int) -> Finding:
    """Time the upload of a small function."""

    def once() -> float:
        began = time.perf_counter()
        upload(client, "small", HELLO)
        return 1000 * (time.perf_counter() - began)

    once()
    milliseconds, spread = median_of(once, rounds)
    return at_most("upload of a small function", milliseconds, "ms", 30, f"{spread}; the incumbent 23 ms")


def gets(home: Path, url: str, job_id: str, seconds: float) -> Finding:
    """Count GET requests of one job."""
    token = (home / "token").read_text().strip()
    rate = asyncio.run(requests_per_second(f"{url}/api/v1/jobs/{job_id}/?with_result=false", token, 8, seconds))
    return at_least("GET one job, 8 clients on keep-alive", rate, "requests/s", 2500, "the incumbent 76/s")


def imports(rounds: int) -> Finding:
    """Time the import of the SDK, above the start of Python itself."""

    def once() -> float:
        return _python("import qiskit_serverless") - _python("pass")

    once()
    seconds, spread = median_of(once, rounds)
    return at_most("import of qiskit_serverless", seconds, "s", 0.15, f"{spread}; the incumbent 1.4 s")


def help_text(rounds: int) -> Finding:
    """Time `treadle --help`."""
    seconds, spread = median_of(lambda: _run([sys.executable, "-m", "treadle.cli", "--help"]), rounds)
    return at_most("treadle --help", seconds, "s", 0.3, spread)


def _python(code: str) -> float:
    return _run([sys.executable, "-c", code])


def _run(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def findings(rounds: int = 15) -> Iterator[Finding]:
    """Measure everything about the platform."""
    yield from starts(max(rounds // 3, 3))
    home = Path(tempfile.mkdtemp(prefix="treadle-bench-"))
    with platform_up(home) as (process, url, _):
        client = client_at(home, url)
        hello = upload(client, "hello", HELLO)
        job = hello.run()
        job.result()
        yield memory(process)
        yield hello_world(hello, rounds)
        yield eight_tasks(client, rounds)
        yield uploads(client, rounds)
        yield gets(home, url, job.job_id, 3.0)
    shutil.rmtree(home)
    yield imports(rounds)
    yield help_text(rounds)
