"""A value of 200 MB on a platform with an S3 store: past the gateway, through it, and with obstore alone."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import obstore
import psutil
from tests.s3 import S3Server, s3_server

from benchmarks.platform import client_at, platform_up, upload
from benchmarks.table import Finding, at_most, median_of
from benchmarks.values import GIVE, TAKE, seconds
from qiskit_serverless import ServerlessClient
from treadle.adapters.objects.s3 import Bucket

ELEMENTS = 25_000_000  # of 8 bytes: 200 MB


def by_obstore(server: S3Server, data: bytes, rounds: int) -> tuple[float, float]:
    """Time an upload and a download by obstore, which is as fast as any client in Python."""
    store = Bucket(server.location()).store
    up, _ = median_of(lambda: seconds(lambda: obstore.put(store, "plain", data)), rounds)
    down, _ = median_of(lambda: seconds(lambda: obstore.get(store, "plain").bytes()), rounds)
    return up, down


def arguments(client: ServerlessClient, server: S3Server, gateway: psutil.Process, rounds: int) -> Iterator[Finding]:
    """Measure the value as argument: until the job is accepted."""
    value = np.random.default_rng(0).random(ELEMENTS)
    take = upload(client, "take", TAKE)
    plain, _ = by_obstore(server, value.tobytes(), rounds)
    before = gateway.memory_info().rss
    directly, spread = median_of(lambda: seconds(lambda: take.run(value=value)), rounds)
    grown = (gateway.memory_info().rss - before) / 1e6
    around = client_at_gateway_only(client)
    through, _ = median_of(lambda: seconds(lambda: around.run("take", {"value": value})), rounds)
    then = (gateway.memory_info().rss - before) / 1e6
    remark = f"{spread}; through the gateway {through:.2f} s, obstore alone {plain:.2f} s"
    yield at_most("200 MB argument past the gateway, until accepted", directly, "s", through, remark)
    yield at_most("what the gateway grows by", grown, "MB", 30, f"{then:.0f} MB when they went through it")


def result(client: ServerlessClient, server: S3Server, gateway: psutil.Process, rounds: int) -> Iterator[Finding]:
    """Measure the value as result: reading it."""
    job = upload(client, "give", GIVE).run(elements=ELEMENTS)
    job.result()
    _, plain = by_obstore(server, os.urandom(8 * ELEMENTS), rounds)
    before = gateway.memory_info().rss
    directly, spread = median_of(lambda: seconds(lambda: client.result(job.job_id)), rounds)
    grown = (gateway.memory_info().rss - before) / 1e6
    through, _ = median_of(lambda: seconds(lambda: client._fetch_result(job.job_id, directly=False)), rounds)
    then = (gateway.memory_info().rss - before) / 1e6
    remark = f"{spread}; through the gateway {through:.2f} s, obstore alone {plain:.2f} s"
    yield at_most("200 MB result past the gateway, read", directly, "s", 2 * plain, remark)
    yield at_most("what the gateway grows by", grown, "MB", 30, f"{then:.0f} MB when it went through it")


def client_at_gateway_only(client: ServerlessClient) -> ServerlessClient:
    """Return a client that does not know the way past the gateway."""
    other = ServerlessClient(host=client.host, token=client.token, channel="local")
    other._takes_uploads = False
    return other


def findings(rounds: int = 3) -> Iterator[Finding]:
    """Measure everything about values in S3."""
    home = Path(tempfile.mkdtemp(prefix="treadle-bench-"))
    with s3_server() as server:
        os.environ.update(server.settings())
        with platform_up(home) as (process, url, _):
            client, gateway = client_at(home, url), psutil.Process(process.pid)
            yield from result(client, server, gateway, rounds)
            yield from arguments(client, server, gateway, rounds)
        for name in server.settings():
            del os.environ[name]
    shutil.rmtree(home)
