"""Environments on the machines of a cluster: fetched as a lock, built once whoever asks, kept while they are of use."""

import asyncio
import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.ray_cluster import RayCluster
from treadle.adapters.environments import node
from treadle.adapters.environments.folder import EnvironmentsFolder
from treadle.adapters.environments.installed import pinned
from treadle.adapters.environments.locking import taken
from treadle.adapters.environments.node import LockSource, NodeEnvironments, NodeTerms
from treadle.adapters.environments.solving import UvSolver
from treadle.domain.budget import Budget
from treadle.domain.environments import Lock
from treadle.domain.errors import (
    BuilderUnavailableError,
    EngineUnavailableError,
    EnvironmentUnusableError,
    InvalidError,
    SettingsError,
)
from treadle.domain.launch import Launch
from treadle.runner.environments import hold
from treadle.runner.node import HOME_VARIABLE, node_home

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]  # a first build fetches packages

TERMS = NodeTerms(600, only_wheels=True, kept_bytes=2**40)
BROKEN = Lock("b" * 64, "pendulum==0.0.0 --hash=sha256:" + "0" * 64 + "\n")


@dataclass
class Locks:
    """A gateway that gives locks, and what it was asked.

    Attributes:
        url: Its address.
        locks: The locks, by digest.
        statuses: What it answers first, in place of a lock.
        asked: The paths and tokens of the requests.
    """

    url: str = ""
    locks: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def launch(self, environment: str | None) -> Launch:
        return Launch(
            "job", 1, self.url, "token", "main.py", "0", "/", {}, Budget(1.0, 0.0, 10**9), 1.0,
            environment=environment, environment_token="of the environment",
        )  # fmt: skip


@pytest.fixture
def locks() -> Iterator[Locks]:
    served = Locks()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append((self.path, self.headers["Authorization"]))
            self.send_response(served.statuses.pop(0) if served.statuses else 200)
            self.end_headers()
            digest = self.path.strip("/").split("/")[-1]
            self.wfile.write(json.dumps({"digest": digest, "lock": served.locks.get(digest)}).encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever).start()
        yield served
        server.shutdown()


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def solved(anyio_backend: str) -> Lock:
    """The lock of an environment that has pendulum."""
    return await UvSolver(60, only_wheels=True).solve(["pendulum>=3"])


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where machines keep what they have, and no pauses between tries."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.setattr(node, "_PAUSES", (0.0, 0.0))
    return tmp_path


def opened(platform: str = "ours", terms: NodeTerms = TERMS) -> NodeEnvironments:
    environments = NodeEnvironments(platform, terms)
    environments.open()
    return environments


def folder_of(platform: str = "ours") -> EnvironmentsFolder:
    return EnvironmentsFolder(node_home(platform).resolve())


def publish(digest: str, size: int = 100) -> Path:
    """Put an environment of nothing into its place."""
    folder = folder_of()
    draft = folder.draft(digest)
    draft.mkdir()
    (draft / "content").write_bytes(b"0" * size)
    folder.publish(draft, digest)
    return folder.path / digest


async def test_a_launch_in_the_platforms_own_environment_needs_nothing(base: Path, locks: Locks) -> None:
    await opened().ensure(locks.launch(None))
    assert locks.asked == []


async def test_a_worker_and_many_programs_share_one_build(base: Path, locks: Locks, solved: Lock) -> None:
    locks.locks[solved.digest] = solved.text
    first, second = opened(), opened()
    launch = locks.launch(solved.digest)
    await asyncio.gather(*(each.ensure(launch) for each in [first, second] * 5))
    log = folder_of().log(solved.digest).read_text()
    assert log.count("+ pendulum==") == 1, "it was built once"
    path = f"/api/runner/v1/environments/{solved.digest}/"
    assert set(locks.asked) == {(path, "Bearer of the environment")}
    runtime = json.loads(first.variables(launch)["TREADLE_RUNTIME_ENV"])
    told = worker(runtime, "import sys, pendulum, qiskit_serverless; print(sys.prefix)", base)
    assert told.stdout.strip() == str(folder_of().path / solved.digest), told.stderr
    for each in (first, second):
        await each.close()


def worker(runtime: dict[str, dict[str, str]], code: str, base: Path) -> "subprocess.CompletedProcess[str]":
    """Do what Ray does with a runtime environment: bash, and its own arguments behind `py_executable`."""
    script = base / "worker of ray.py"
    script.write_text(code)
    command = f"exec {runtime['py_executable']} '{script}' --node-id=1"
    variables = {**os.environ, **runtime["env_vars"]}
    return subprocess.run(["bash", "-c", command], env=variables, capture_output=True, text=True, check=False)


async def test_a_worker_without_its_environment_tells_why(base: Path, locks: Locks) -> None:
    locks.locks[BROKEN.digest] = BROKEN.text
    runtime = json.loads(opened().variables(locks.launch(BROKEN.digest))["TREADLE_RUNTIME_ENV"])
    code = "import os, sys; print(sys.executable, sys.argv[1], os.environ['TREADLE_WORKER_FAILURE'])"
    told = (await asyncio.to_thread(worker, runtime, code, base)).stdout
    assert told.startswith(f"{sys.executable} --node-id=1 "), "it is a worker of the platform's Python"
    assert "pendulum" in told


async def test_what_cannot_be_built_is_said_in_the_words_of_the_build(base: Path, locks: Locks) -> None:
    locks.locks[BROKEN.digest] = BROKEN.text
    with pytest.raises(EnvironmentUnusableError, match="pendulum"):
        await opened().ensure(locks.launch(BROKEN.digest))
    assert len(locks.asked) == 1


async def test_a_gateway_in_trouble_is_asked_again(base: Path, locks: Locks) -> None:
    locks.locks[BROKEN.digest] = BROKEN.text
    locks.statuses = [503, 500]
    with pytest.raises(EnvironmentUnusableError, match="pendulum"):
        await opened().ensure(locks.launch(BROKEN.digest))
    locks.statuses = [503] * 3
    with pytest.raises(EngineUnavailableError, match="503"):
        await opened().ensure(locks.launch(BROKEN.digest))
    locks.statuses = [401]
    with pytest.raises(EnvironmentUnusableError, match="401"):
        await opened().ensure(locks.launch(BROKEN.digest))
    with pytest.raises(EngineUnavailableError, match="does not answer"):
        await opened().provide(LockSource("c" * 64, "http://127.0.0.1:9", ""))


async def test_an_index_that_is_away_is_no_fault_of_the_environment(
    base: Path, solved: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0", "UV_NO_CACHE": "1"}
    for name, value in away.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BuilderUnavailableError, match="Failed to fetch"):
        await opened().build(solved)


async def test_what_was_not_used_for_longest_makes_room_but_never_what_is_in_use(base: Path) -> None:
    environments = opened(terms=NodeTerms(600, only_wheels=True, kept_bytes=250))
    old, used, late = (publish(digit * 64) for digit in "abc")
    for time, environment in enumerate((old, used, late)):
        os.utime(environment / "treadle.json", (time, time))
    descriptor = hold(old)
    assert await environments._keep(late.name)
    assert [environment.exists() for environment in (old, used, late)] == [True, False, True]
    os.close(descriptor)
    again = publish("d" * 64, size=200)
    assert await environments._keep(again.name)
    assert not old.exists()
    assert late.exists(), "it was asked for lately"
    await environments.close()


async def test_who_is_killed_while_building_leaves_a_lock_that_the_next_one_gets(base: Path) -> None:
    opened()
    path = folder_of().lock("a" * 64)
    code = (
        "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as builder:  # noqa: ASYNC220
        assert builder.stdout is not None
        builder.stdout.readline()
        assert not folder_of().discard_unused("a" * 64)
        waiting = asyncio.create_task(taken(path, fcntl.LOCK_SH))
        given_up = asyncio.create_task(taken(path, fcntl.LOCK_EX))
        await asyncio.sleep(0)
        given_up.cancel()
        builder.kill()
        os.close(await waiting)
    assert folder_of().discard_unused("a" * 64)


async def test_who_opens_the_folder_leaves_the_builds_of_others_alone(base: Path) -> None:
    opened()
    draft = folder_of().draft("a" * 64)
    draft.mkdir()
    descriptor = await taken(folder_of().lock("a" * 64), fcntl.LOCK_EX)
    opened()
    assert draft.exists()
    os.close(descriptor)
    opened()
    assert not draft.exists()


RAY_DRIVER = """
import json, os, ray, sys

ray.init(os.environ["ADDRESS"], log_to_driver=False, logging_level="error")

@ray.remote
def place():
    import pendulum, qiskit_serverless
    return sys.prefix, sys.version_info[:2], pendulum.__version__

found = place.options(runtime_env=json.loads(os.environ["TREADLE_RUNTIME_ENV"])).remote()
print(json.dumps(ray.get(found, timeout=120)))
"""


async def test_rays_workers_start_in_the_environment_on_a_node_that_lacked_it(
    ray: RayCluster, base: Path, locks: Locks
) -> None:
    lock = await UvSolver(60, only_wheels=True, given=[pinned("ray")]).solve(["pendulum>=3"])
    assert pinned("ray") in lock.packages
    locks.locks[lock.digest] = lock.text
    environments = NodeEnvironments("workers", TERMS)
    variables = {**os.environ, **ray.variables, **environments.variables(locks.launch(lock.digest))}
    driver = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RAY_DRIVER),
        env={**variables, "ADDRESS": ray.address},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, trouble = await driver.communicate()
    assert driver.returncode == 0, trouble.decode()
    prefix, _, pendulum = json.loads(told)
    assert prefix == str((ray.head.home / "workers" / "environments" / lock.digest).resolve())
    assert f"pendulum=={pendulum}" in lock.packages
    assert len(locks.asked) == 1


async def test_a_program_gets_the_version_of_ray_that_its_cluster_runs() -> None:
    solver = UvSolver(60, only_wheels=True, given=[pinned("ray")])
    with pytest.raises(InvalidError, match=r"'ray<2' does not allow version .*Ask for 'ray' without a version"):
        await solver.solve(["ray<2"])
    with pytest.raises(SettingsError, match="the package no-such-package"):
        pinned("no-such-package")
