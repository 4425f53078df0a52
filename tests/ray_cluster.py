"""A real Ray cluster for tests: a head, and further raylets that play nodes on the loopback interface."""

import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.running_platform import end_with_the_tests
from treadle.runner.file_watch import FileWatch

# Ray notices a dead node in a second or two, instead of half a minute.
_QUICK = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
_STORE_BYTES = 100_000_000


class RayNode:
    """A raylet with its own folder for what Treadle keeps there.

    Attributes:
        address: Its IP address.
        home: Where Treadle's node agents keep what they need.
    """

    def __init__(self, address: str, home: Path, process: "subprocess.Popen[bytes]") -> None:
        self.address = address
        self.home = home
        self._process = process

    def kill(self) -> None:
        """Kill all of the node at once: Ray's processes, and what Treadle has started there."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGSTOP)  # so that nothing of it can tell of the others' end
        while ours := self._processes():  # a supervisor may have forked meanwhile
            for process in ours:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(ours, 10)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # Ray's agents, whose titles hide their environment
        self._process.wait(10)

    def _processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._has(process)]

    def _has(self, process: psutil.Process) -> bool:
        """Say whether a process is one of Ray's here, which have the variable, or one of Treadle's, which name the folder."""
        try:
            home = str(self.home)
            return process.environ().get("TREADLE_NODE_HOME") == home or any(home in text for text in process.cmdline())
        except psutil.Error:
            return False


class RayCluster:
    """A running cluster.

    Attributes:
        address: Of the head, ``host:port``.
        token: What Ray's processes and those who connect must show; in ``RAY_AUTH_TOKEN``.
        nodes: The head and the others, in the order of their start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.token = secrets.token_hex(32)
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.nodes: list[RayNode] = []

    @property
    def head(self) -> RayNode:
        """The node of the head."""
        return self.nodes[0]

    @property
    def variables(self) -> dict[str, str]:
        """What a process that connects finds in its environment."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token, "RAY_USAGE_STATS_ENABLED": "0"}

    def start_head(self) -> RayNode:
        """Start the head, with two CPUs; again after it was killed."""
        node = self._start(
            "127.0.0.1", 2, "--head", f"--port={self._port}", f"--temp-dir={self._folder}",
            "--include-dashboard=false", "--include-log-monitor=false", "--no-monitor",
        )  # fmt: skip
        self.nodes = [node, *self.nodes[1:]]
        return node

    def add_node(self, cpus: int = 2) -> RayNode:
        """Start another node."""
        node = self._start(f"127.0.0.{len(self.nodes) + 1}", cpus, f"--address={self.address}")
        self.nodes.append(node)
        return node

    def close(self) -> None:
        """Kill all of it."""
        for node in self.nodes:
            node.kill()

    def _start(self, address: str, cpus: int, *options: str) -> RayNode:
        home = self._folder / f"node{secrets.token_hex(4)}"
        home.mkdir()
        log = home / "start.log"
        command = [
            sys.executable,
            "-m",
            "ray.scripts.scripts",
            "start",
            "--block",
            f"--node-ip-address={address}",
            *options,
        ]
        command += [f"--num-cpus={cpus}", "--num-gpus=0", f"--object-store-memory={_STORE_BYTES}"]
        variables = {**os.environ, **_QUICK, **self.variables, "TREADLE_NODE_HOME": str(home)}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=variables, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                start_new_session=True, preexec_fn=end_with_the_tests,
            )  # fmt: skip
        _wait_until_started(process, log)
        return RayNode(address, home, process)


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    """Run a cluster with a head only."""
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # a short path: sockets lie below
    cluster = RayCluster(folder)
    try:
        cluster.start_head()
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_started(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until Ray says that it runs."""
    watch = FileWatch(log)
    while b"Ray runtime started" not in log.read_bytes():
        assert process.poll() is None, log.read_text()
        select.select([watch], [], [], 1.0)
        watch.drain()
    watch.close()


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
