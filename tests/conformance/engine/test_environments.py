"""Programs in environments of their own: each has a zygote, and what happens to one is no matter of the others."""

import asyncio
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.conformance.engine.running_engine import RunningEngine
from tests.conformance.runner_gateway import tar_of
from treadle.adapters.engines.local import LocalEngine
from treadle.adapters.environments.folder import EnvironmentsFolder
from treadle.adapters.environments.local import LocalEnvironments
from treadle.adapters.environments.solving import UvSolver
from treadle.domain.errors import EngineUnavailableError, EnvironmentUnusableError
from treadle.domain.outcome import Ending
from treadle.ports.engine import Presence

pytestmark = pytest.mark.timeout(600)  # a first build fetches packages

UNUSABLE = "0" * 64
MEETS = "from meeting import meet\nmeet('ready')\nmeet('go')\n"


@dataclass
class Two:
    """An engine that keeps one other zygote warm, and two environments that have pendulum."""

    engine: RunningEngine
    first: str
    second: str

    @property
    def zygotes(self) -> list[psutil.Process]:
        alive = psutil.process_iter(["name", "cmdline"])  # what has died meanwhile has no command line
        home = str(self.engine.home)
        return [each for each in alive if each.info["name"] == "zygote" and home in (each.info["cmdline"] or ())]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder of environments, and the digest of the one that has pendulum."""
    home = tmp_path_factory.mktemp("home")
    environments = LocalEnvironments(home, build_seconds=600, only_wheels=True)

    async def build() -> str:
        environments.open()
        lock = await UvSolver(60, only_wheels=True).solve(["pendulum"])
        await environments.build(lock)
        return lock.digest

    return home / "environments", asyncio.run(build())


@pytest.fixture
def two(built: tuple[Path, str]) -> Iterator[Two]:
    """A warm engine that sees the built environment under two names."""
    folder, digest = built
    running = RunningEngine(warm_environments=1).warm()
    second = f"2{digest[1:]}" if digest[0] != "2" else f"3{digest[1:]}"
    environments = running.home / "environments"
    environments.mkdir()
    (environments / "platform").symlink_to(folder / "platform")
    for name in (digest, second):
        (environments / name).symlink_to(folder / digest)
    (environments / UNUSABLE / "bin").mkdir(parents=True)
    (environments / UNUSABLE / "bin" / "python").symlink_to("/bin/false")
    yield Two(running, digest, second)
    running.close()


def test_a_program_finds_its_environment_and_the_platforms_sdk(two: Two) -> None:
    program = """
        import os, shutil, sys
        import pendulum, qiskit_serverless
        print(sys.prefix, os.environ["VIRTUAL_ENV"], shutil.which("python"), qiskit_serverless.__file__, sep="\\n")
    """
    job, outcome = two.engine.finish(program, environment=two.first)
    assert outcome.exit_code == 0, job.text
    prefix, variable, python, sdk = job.text.split()
    place = f"{two.engine.home}/environments/{two.first}"
    assert (prefix, variable, python) == (place, place, f"{place}/bin/python")
    assert sdk.startswith(f"{two.engine.home}/environments/platform/")
    other, _ = two.engine.finish("import sys\nprint(sys.prefix)")
    assert other.text.strip() != prefix


def test_the_least_recently_used_zygote_is_let_go_but_not_its_programs(two: Two) -> None:
    job = two.engine.submit(MEETS, environment=two.first)
    two.engine.meet(job, "ready")
    two.engine.finish("pass", environment=two.second)
    assert len(two.zygotes) == 3, "the platform's, the second, and the first until its program has ended"
    [leaving] = [each for each in two.zygotes if two.first in each.cmdline()[0]]
    two.engine.meet(job, "go")
    assert two.engine.gateway.outcome(job).exit_code == 0
    two.engine.wait_for_exit(job)
    psutil.wait_procs([leaving], timeout=20)
    assert not leaving.is_running()
    two.engine.finish("pass", environment=two.first)


def test_an_environment_is_not_removed_under_its_programs(two: Two) -> None:
    job = two.engine.submit(MEETS, environment=two.first)
    two.engine.meet(job, "ready")
    assert not EnvironmentsFolder(two.engine.home).discard_unused(two.first)
    two.engine.meet(job, "go")
    assert two.engine.gateway.outcome(job).exit_code == 0
    two.engine.wait_for_exit(job)


def test_a_killed_zygote_is_replaced(two: Two) -> None:
    two.engine.finish("pass", environment=two.first)
    [zygote] = [each for each in two.zygotes if two.first in each.cmdline()[0]]
    zygote.send_signal(signal.SIGKILL)
    _, outcome = two.engine.finish("pass", environment=two.first)
    assert outcome.exit_code == 0


def test_a_program_in_an_environment_outlives_the_gateway(two: Two) -> None:
    job = two.engine.submit(MEETS, environment=two.first)
    two.engine.meet(job, "ready")
    two.engine.replace()
    assert two.engine.adopt(job) is Presence.RUNNING
    two.engine.meet(job, "go")
    assert two.engine.gateway.outcome(job).exit_code == 0
    two.engine.wait_for_exit(job)
    two.engine.assert_nothing_left(job)


def test_what_a_killed_supervisor_left_needs_nothing_of_the_environment(two: Two) -> None:
    job = two.engine.submit("print('begun')\n" + MEETS, environment=two.first)
    two.engine.meet(job, "ready")
    two.engine.supervisor(job).kill()
    two.engine.wait_for_exit(job)
    two.engine.start(job, environment=None)
    assert two.engine.gateway.outcome(job).ending is Ending.LOST
    two.engine.wait_for_exit(job)
    assert job.text == "begun\n"


def test_an_environment_that_cannot_start_anything_harms_nobody_else(two: Two) -> None:
    job = two.engine.gateway.add(b"")
    with pytest.raises(EnvironmentUnusableError, match="has failed 3 times"):
        two.engine.start(job, environment=UNUSABLE)
    _, outcome = two.engine.finish("pass")
    assert outcome.exit_code == 0


def test_a_start_that_meets_the_release_of_its_environment_can_be_tried_again(two: Two) -> None:
    job = two.engine.gateway.add(tar_of({"main.py": "print('patience')"}))
    zygotes = two.engine.engine._zygotes

    async def start_and_release() -> int:
        start = asyncio.create_task(zygotes.supervisor(two.engine.launch(job, environment=two.first)))
        await asyncio.sleep(0)  # it begins
        zygotes.release(two.first)
        return await start

    with pytest.raises(EngineUnavailableError, match="was let go"):
        two.engine.call(start_and_release())
    two.engine.start(job, environment=two.first)
    assert two.engine.gateway.outcome(job).exit_code == 0
    two.engine.wait_for_exit(job)


def test_an_engine_begins_without_other_zygotes(two: Two) -> None:
    assert [each.pid for each in two.zygotes] == [two.engine.engine.zygote_pid]
    assert isinstance(two.engine.engine, LocalEngine)
    two.engine.call(two.engine.engine.prepare(two.first))
    two.engine.call(two.engine.engine.release(two.first))
