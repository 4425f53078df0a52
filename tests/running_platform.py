"""A real platform for tests: `treadle up` in a process of its own, on a home of its own and a free loopback port."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_libc = ctypes.CDLL(None)
READY_SECONDS = 30
LEAVE_SECONDS = 20


@dataclass
class RunningPlatform:
    """A platform that is up.

    Attributes:
        home: Its home folder; short, for Unix sockets may lie in it.
        url: Base URL of its gateway.
        process: The gateway's process.
        variables: Environment variables it was started with, besides those of the tests.
    """

    home: Path
    url: str
    process: subprocess.Popen[str]
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """The owner's token."""
        return (self.home / "token").read_text().strip()

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which a client finds this platform."""
        return {
            **clean_environment(),
            "TREADLE_HOST": self.url,
            "TREADLE_TOKEN": self.token,
            "TREADLE_HOME": str(self.home),
        }

    def kill(self) -> None:
        """Kill the gateway as a power cut would; supervisors and zygote are separate processes and stay."""
        self.process.kill()
        self.process.wait(LEAVE_SECONDS)
        self._close_pipe()

    def restart(self) -> None:
        """Start the gateway again on the same home and port, after `kill` or `stop_gateway`."""
        self.process, self.url = start_gateway(self.home, self.url.rsplit(":", 1)[1], self.variables)

    def stop_gateway(self) -> int:
        """Ask the gateway to leave, as Ctrl-C does, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(LEAVE_SECONDS)
        self._close_pipe()
        return code

    def processes(self) -> list[psutil.Process]:
        """Every living process that was started for this home: gateway, zygote, supervisors, programs, task workers."""
        return [process for process in psutil.process_iter() if belongs_to(process, self.home)]

    @property
    def job_folders(self) -> list[Path]:
        """The folders of attempts that are there."""
        return list((self.home / "jobs").iterdir())

    def job_processes(self) -> list[psutil.Process]:
        """Every living process of a job: neither the platform's own and their children, nor what waits for a job."""
        ours = {process.pid for process in self.own_processes()}
        return [process for process in self.processes() if not (process.pid in ours or _waits_for_a_job(process))]

    def own_processes(self) -> list[psutil.Process]:
        """The gateway, and what it has started for itself."""
        gateway = psutil.Process(self.process.pid)
        return [gateway, *gateway.children()]

    def close(self) -> None:
        """Stop it, see that no process of it is left, remove its home.

        Raises:
            AssertionError: Processes stayed; they are killed.
        """
        if self.process.poll() is None:
            self.stop_gateway()
        _, left = psutil.wait_procs(self.processes(), timeout=LEAVE_SECONDS)
        names = [f"{process.pid}: {' '.join(process.cmdline())}" for process in left if process.is_running()]
        for process in left:
            process.kill()
        psutil.wait_procs(left)
        shutil.rmtree(self.home)
        assert not names, f"processes of the platform stayed behind: {names}"

    def _close_pipe(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()


class Traffic:
    """What a gateway has received and sent, over sockets and otherwise, since this was made."""

    def __init__(self, platform: RunningPlatform) -> None:
        self._process = psutil.Process(platform.process.pid)
        self._before = self._read()

    def _read(self) -> int:
        counters = self._process.io_counters()
        return counters.read_chars + counters.write_chars

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._read() - self._before


def start_platform(port: str = "0", **variables: str) -> RunningPlatform:
    """Start a platform on a fresh home and wait until it is ready.

    Args:
        port: Port to listen on; "0" lets the system choose a free one.
        variables: Further environment variables, e.g. ``TREADLE_...`` settings.
    """
    home = Path(tempfile.mkdtemp(prefix="treadle-"))
    process, url = start_gateway(home, port, variables)
    return RunningPlatform(home, url, process, variables)


def start_gateway(home: Path, port: str, variables: dict[str, str]) -> tuple[subprocess.Popen[str], str]:
    """Run `treadle up`; return its process and its URL once it says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "treadle.cli", "up", "--home", home, "--port", port, "--json"],
        env={**clean_environment(), **variables},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=end_with_the_tests,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.stdout.close()
        raise AssertionError(
            f"the platform did not start; exit code {process.wait(READY_SECONDS)}, its words are on standard error"
        )
    return process, json.loads(line)["url"]


def end_with_the_tests() -> None:
    """Let the kernel stop this new process when the one that starts it dies, as it does when a test takes too long."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def clean_environment() -> dict[str, str]:
    """The environment of the tests without anything that would lead a client or a gateway elsewhere."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("TREADLE_", "ENV_", "QISKIT_IBM_"))
    }


def _waits_for_a_job(process: psutil.Process) -> bool:
    """Say whether this is a zygote, or one of the two processes that it has always ready."""
    try:
        return process.name() in ("zygote", "spare")
    except psutil.NoSuchProcess:
        return False


def belongs_to(process: psutil.Process, home: Path) -> bool:
    """Say whether a process was started for a home folder."""
    try:
        return any(
            str(home) in text for text in (*process.cmdline(), process.cwd(), process.environ().get("DATA_PATH", ""))
        )
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False
