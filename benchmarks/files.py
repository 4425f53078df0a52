"""Files: a gigabyte up and down, against `cp` and against curl at a static server."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.platform import client_at, platform_up
from benchmarks.table import Finding, at_least, at_most

MEGABYTE = 10**6
SIZE = 1000 * MEGABYTE
CURL = ("curl", "--silent", "--show-error", "--fail", "--output")


def write_random(path: Path) -> None:
    """Write a file that no disk can compress."""
    with path.open("wb") as file:
        for _ in range(SIZE // MEGABYTE):
            file.write(os.urandom(MEGABYTE))


def speed(work: Callable[[], object], rounds: int) -> tuple[float, str]:
    """Return the median MB/s of moving the file once, and the spread in words. The first round only warms up."""
    values = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        work()
        values.append(SIZE / MEGABYTE / (time.perf_counter() - began))
    counted = sorted(values[1:])
    return statistics.median(counted), f"{rounds} rounds, {counted[0]:.0f} to {counted[-1]:.0f}"


def copied(source: Path, target: Path) -> None:
    """Copy as an upload does: what was copied is on the disk at the end."""
    subprocess.run(["cp", source, target], check=True)
    subprocess.run(["sync", target], check=True)


def fetched_and_checked(url: str, target: Path) -> None:
    """Download as the SDK does, with the tools of the system: into a file, and its checksum."""
    subprocess.run([*CURL, target, url], check=True)
    subprocess.run(["sha256sum", target], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def static_server(folder: Path) -> Iterator[str]:
    """Serve a folder with Python's own server; yield its URL."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        port = process.stdout.readline().split(" port ")[1].split()[0]
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def findings(rounds: int = 5) -> Iterator[Finding]:
    """Measure uploads, downloads and what they cost the gateway."""
    folder = Path(tempfile.mkdtemp(prefix="treadle-bench-"))
    source = folder / "large.bin"
    write_random(source)
    plain, plain_spread = speed(lambda: copied(source, folder / "copy.bin"), rounds)
    with platform_up(folder / "home") as (process, url, _), static_server(folder) as static:
        data = client_at(folder / "home", url).data()
        up, spread = speed(lambda: data.upload(source, progress=False), rounds)
        remark = f"{spread}; cp and sync {plain:.0f} MB/s ({plain_spread}), ratio {up / plain:.2f}"
        yield at_least("upload of 1 GB with the SDK, to the disk", up, "MB/s", plain / 3, remark)
        down, spread = speed(lambda: data.download("large.bin", folder / "back.bin", progress=False), rounds)
        checked, other_spread = speed(lambda: fetched_and_checked(f"{static}/large.bin", folder / "other.bin"), rounds)
        remark = f"{spread}; curl from python -m http.server, then sha256sum, {checked:.0f} MB/s ({other_spread})"
        yield at_least("download of 1 GB with the SDK, checksum compared", down, "MB/s", checked / 2, remark)
        token = f"Authorization: Bearer {(folder / 'home' / 'token').read_text().strip()}"
        ours = f"{url}/api/v1/files/download/?file=large.bin"
        by_curl, spread = speed(
            lambda: subprocess.run([*CURL, "/dev/null", "--header", token, ours], check=True), rounds
        )
        other, other_spread = speed(
            lambda: subprocess.run([*CURL, "/dev/null", f"{static}/large.bin"], check=True), rounds
        )
        remark = f"{spread}; python -m http.server {other:.0f} MB/s ({other_spread}), ratio {by_curl / other:.2f}"
        yield at_least("download of 1 GB with curl", by_curl, "MB/s", other / 2, remark)
        peak = psutil.Process(process.pid).memory_info().rss / MEGABYTE
        yield at_most("memory of the gateway after all that (RSS)", peak, "MB", 300)
    shutil.rmtree(folder)
