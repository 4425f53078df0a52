"""Environments: solving and building them, and how soon jobs start in them."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.platform import HELLO, platform_up
from benchmarks.table import Finding, at_most
from qiskit_serverless import QiskitFunction, ServerlessClient

_REQUIREMENTS = ["pendulum>=3"]


def findings() -> Iterator[Finding]:
    """Measure with an empty uv cache, and again with the filled one."""
    with tempfile.TemporaryDirectory(prefix="treadle-bench-") as cache:
        yield from _first_use(cache, "cold", solve=30.0, ready=180.0)
        yield from _first_use(cache, "cached", solve=3.0, ready=10.0)


def _first_use(cache: str, state: str, *, solve: float, ready: float) -> Iterator[Finding]:
    """Upload a function with dependencies to a new platform, and run it twice."""
    with _uv_cache(cache), tempfile.TemporaryDirectory(prefix="treadle-bench-") as folder:
        home, source = Path(folder) / "home", Path(folder) / "source"
        source.mkdir()
        (source / "main.py").write_text("import pendulum\n" + HELLO)
        with platform_up(home) as (_, url, _), _client(url, home) as client:
            function = QiskitFunction(
                "dated", entrypoint="main.py", working_dir=str(source), dependencies=_REQUIREMENTS
            )
            began = time.perf_counter()
            uploaded = client.upload(function)
            solved = time.perf_counter()
            uploaded.run().result()
            first = time.perf_counter()
            uploaded.run().result()
            second = time.perf_counter()
    yield at_most(f"environment, {state}: solve", solved - began, "s", solve)
    yield at_most(f"environment, {state}: build and first job", first - solved, "s", ready)
    yield at_most(f"environment, {state}: second job", (second - first) * 1000, "ms", 100.0)


@contextmanager
def _uv_cache(folder: str) -> Iterator[None]:
    before = os.environ.get("UV_CACHE_DIR")
    os.environ["UV_CACHE_DIR"] = folder
    try:
        yield
    finally:
        del os.environ["UV_CACHE_DIR"]
        if before is not None:
            os.environ["UV_CACHE_DIR"] = before


def _client(url: str, home: Path) -> ServerlessClient:
    return ServerlessClient(host=url, token=(home / "token").read_text().strip(), channel="local")
