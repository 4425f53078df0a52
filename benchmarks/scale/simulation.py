"""A platform whose engine is simulated, with its fleet of supervisors."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

from benchmarks.platform import HELLO, upload
from qiskit_serverless import ServerlessClient


@dataclass(frozen=True)
class Simulation:
    """A running one.

    Attributes:
        url: Where it answers.
        token: The owner's.
        gateway: Its process.
        fleet: The process of its supervisors.
    """

    url: str
    token: str
    gateway: psutil.Process
    fleet: "subprocess.Popen[str]"

    def http(self) -> httpx2.Client:
        """Return a client of the owner."""
        return httpx2.Client(
            base_url=f"{self.url}/api/v1/", headers={"Authorization": f"Bearer {self.token}"}, timeout=60
        )

    def upload_hello(self) -> None:
        """Upload the function whose jobs are simulated."""
        upload(ServerlessClient(host=self.url, token=self.token, channel="local"), "hello", HELLO)

    @property
    def megabytes(self) -> float:
        """What the gateway's process holds in memory."""
        return self.gateway.memory_info().rss / 2**20

    @property
    def cpu_seconds(self) -> float:
        """What the gateway's process has used."""
        times = self.gateway.cpu_times()
        return times.user + times.system

    def told(self) -> dict[str, Any]:
        """Return what the fleet has done so far."""
        assert self.fleet.stdin is not None
        assert self.fleet.stdout is not None
        self.fleet.stdin.write("\n")
        self.fleet.stdin.flush()
        return dict(json.loads(self.fleet.stdout.readline()))


@contextlib.contextmanager
def simulation(
    home: Path, database_url: str | None, mode: str, running_jobs: int, pause: float = 1.0
) -> Iterator[Simulation]:
    """Run a platform and its fleet.

    Args:
        home: Its home folder.
        database_url: Its PostgreSQL database; None for SQLite.
        mode: What the fleet does with jobs: ``finish`` or ``hold`` them.
        running_jobs: How many may run at once.
        pause: Seconds between two parts of the log of each that is held.
    """
    socket = str(home.parent / f"{mode}.socket")
    fleet = _python("benchmarks.scale.fleet", socket, mode, str(pause))
    assert fleet.stdout is not None
    fleet.stdout.readline()
    settings = {"TREADLE_RUNNING_JOBS": str(running_jobs), "TREADLE_ACTIVE_JOBS_PER_USER": str(10**9)}
    if database_url is not None:
        settings["TREADLE_DATABASE"] = database_url
    gateway = _python("benchmarks.scale.platform", str(home), socket, **settings)
    assert gateway.stdout is not None
    try:
        url = gateway.stdout.readline().strip()
        yield Simulation(url, (home / "token").read_text().strip(), psutil.Process(gateway.pid), fleet)
    finally:
        gateway.terminate()
        gateway.wait()
        fleet.kill()
        fleet.wait()


def _python(module: str, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, **variables}
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
