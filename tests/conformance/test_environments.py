"""Solving requirements, and building, keeping and removing environments: what every solver and every builder does."""

import asyncio
import signal
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from treadle.adapters.environments.folder import EnvironmentsFolder
from treadle.adapters.environments.local import LocalEnvironments
from treadle.adapters.environments.solving import UvSolver
from treadle.domain.environments import Lock
from treadle.domain.errors import BuildFailedError, InvalidError, SolverUnavailableError
from treadle.ports.environments import EnvironmentBuilder, EnvironmentSolver

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]  # a first build fetches packages

# Locks of nothing that can be had: they fail before anything is fetched.
BROKEN = Lock("b" * 64, "pendulum==0.0.0 --hash=sha256:" + "0" * 64 + "\n")


def opened(home: Path, *, build_seconds: float = 600.0) -> LocalEnvironments:
    builder = LocalEnvironments(home, build_seconds=build_seconds, only_wheels=True)
    builder.open()
    return builder


@pytest.fixture(params=["uv"])
def solver() -> EnvironmentSolver:
    return UvSolver(60, only_wheels=True)


@pytest.fixture(params=["this machine"])
def builder(tmp_path: Path) -> EnvironmentBuilder:
    """A builder that has built nothing yet."""
    return opened(tmp_path)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> tuple[Path, Lock]:
    """A home folder with an environment that has pendulum."""
    folder = tmp_path_factory.mktemp("home")
    built = opened(folder)
    lock = await UvSolver(60, only_wheels=True).solve(["pendulum>=3"])
    await built.build(lock)
    return folder, lock


async def test_what_is_installed_beside_the_platform_needs_no_environment(solver: EnvironmentSolver) -> None:
    assert solver.has_installed(["qiskit>=1.3", "numpy", "uvicorn[standard]", "nothing-at-all; python_version < '3'"])
    assert not solver.has_installed(["numpy<1"])
    assert not solver.has_installed(["nothing-at-all"])
    assert not solver.has_installed(["qiskit[visualization]"]), "what an extra needs is needed"


async def test_a_solution_names_every_package_with_its_hashes(home: tuple[Path, Lock]) -> None:
    _, lock = home
    names = {package.partition("==")[0] for package in lock.packages}
    assert {"pendulum", "numpy", "qiskit", "qiskit-ibm-runtime", "cloudpickle"} <= names
    assert lock.text.count("--hash=sha256:") >= len(lock.packages)


async def test_a_solution_keeps_the_versions_the_platform_runs_on(home: tuple[Path, Lock]) -> None:
    _, lock = home
    assert {f"{name}=={version(name)}" for name in ("numpy", "qiskit", "scipy")} <= set(lock.packages)


async def test_the_same_question_has_the_same_answer(home: tuple[Path, Lock], solver: EnvironmentSolver) -> None:
    _, lock = home
    assert await solver.solve(["pendulum>=3"]) == lock
    assert solver.is_current(lock)
    assert not solver.is_current(BROKEN)


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ("no-such-package-of-treadle", "no-such-package-of-treadle was not found in the package registry"),
        ("qiskit==1.2.0", "you require qiskit"),
        ("pendulum>=3,<3", "pendulum"),
        ("antlr4-python3-runtime==4.9.3", "TREADLE_BUILD_PACKAGES"),
    ],
    ids=["unknown", "too old for the platform", "no version", "not a wheel"],
)
async def test_without_a_solution_the_solver_says_why(solver: EnvironmentSolver, requirement: str, words: str) -> None:
    with pytest.raises(InvalidError, match="The dependencies cannot be installed together") as refusal:
        await solver.solve([requirement])
    assert words in str(refusal.value)


async def test_a_registry_that_does_not_answer_is_not_the_users_fault(
    solver: EnvironmentSolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SolverUnavailableError, match="Failed to fetch") as trouble:
        await solver.solve(["pendulum"])
    assert "package index" in trouble.value.hint


async def test_solving_has_a_time_limit() -> None:
    with pytest.raises(SolverUnavailableError, match="uv was ended after 0 s, its time limit"):
        await UvSolver(0.001, only_wheels=True).solve(["pendulum"])


async def test_a_built_environment_is_there_and_says_how_it_was_made(home: tuple[Path, Lock]) -> None:
    folder, lock = home
    again = opened(folder)
    assert again.has_built(lock.digest)
    assert again.sizes()[lock.digest] > 10_000_000
    made = (folder / "environments" / lock.digest).stat()
    assert "+ pendulum==" in await again.build(lock)
    assert (folder / "environments" / lock.digest).stat().st_ino == made.st_ino, "what is there is not built again"


def test_every_python_of_an_environment_imports_the_platforms_sdk(home: tuple[Path, Lock]) -> None:
    folder, lock = home
    interpreter = EnvironmentsFolder(folder).interpreter(lock.digest)
    code = "import sys, pendulum, qiskit_serverless as sdk; print(sdk.__version__, sys.prefix, sdk.__file__)"
    told = subprocess.run([interpreter, "-I", "-c", code], capture_output=True, text=True, env={}, check=True)
    sdk_version, prefix, file = told.stdout.split()
    assert sdk_version == version("treadle")
    assert prefix == str(folder / "environments" / lock.digest)
    assert file.startswith(str(folder / "environments" / "platform"))


async def test_a_broken_build_touches_nothing_else(home: tuple[Path, Lock]) -> None:
    folder, lock = home
    builder = opened(folder)
    before = sorted(path.name for path in (folder / "environments").iterdir())
    with pytest.raises(BuildFailedError) as failure:
        await builder.build(BROKEN)
    assert "pendulum" in str(failure.value)
    assert not builder.has_built(BROKEN.digest)
    assert builder.has_built(lock.digest)
    assert "pendulum" in failure.value.log
    after = sorted(path.name for path in (folder / "environments").iterdir())
    assert set(after) - set(before) <= {f"{BROKEN.digest}.log"}


async def test_a_build_has_a_time_limit(tmp_path: Path) -> None:
    builder = opened(tmp_path, build_seconds=0.001)
    with pytest.raises(BuildFailedError, match="its time limit"):
        await builder.build(BROKEN)


async def test_an_environment_in_which_programs_could_not_start_is_no_environment(builder: EnvironmentBuilder) -> None:
    empty = Lock("e" * 64, "")
    with pytest.raises(BuildFailedError, match="No module named 'numpy'"):
        await builder.build(empty)
    assert not builder.has_built(empty.digest)


async def test_a_build_that_is_broken_off_leaves_nothing(
    tmp_path: Path, home: tuple[Path, Lock], builder: EnvironmentBuilder
) -> None:
    build = asyncio.create_task(builder.build(home[1]))
    await asyncio.sleep(0)  # it begins
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    assert not builder.has_built(home[1].digest)
    assert not list((tmp_path / "environments").glob(".building-*"))


async def test_what_a_power_cut_left_is_swept(tmp_path: Path) -> None:
    for name in (".building-0-1", ".removed-0-1"):
        (tmp_path / "environments" / name / "lib").mkdir(parents=True)
    opened(tmp_path)
    assert sorted(path.name for path in (tmp_path / "environments").iterdir()) == ["locks", "platform"]


def test_what_a_killed_gateway_left_at_work_is_ended(tmp_path: Path) -> None:
    draft = tmp_path / "environments" / ".building-0-1"
    draft.mkdir(parents=True)
    with subprocess.Popen(["sleep", "600"], cwd=draft) as installer:
        opened(tmp_path)
    assert installer.returncode == -signal.SIGKILL
    assert not draft.exists()


async def test_what_was_built_before_the_machine_was_started_again_is_built_again(tmp_path: Path) -> None:
    folder, builder = EnvironmentsFolder(tmp_path), opened(tmp_path)
    digest = "d" * 64
    for attempt in ("first", "second"):
        draft = folder.draft(digest)
        draft.mkdir()
        (draft / attempt).touch()
        folder.publish(draft, digest)
        assert builder.has_built(digest)
        assert (tmp_path / "environments" / digest / attempt).exists()
        marker = tmp_path / "environments" / digest / "treadle.json"
        marker.write_text(marker.read_text().replace('"boot": "', '"boot": "an earlier one '))
        assert not builder.has_built(digest)
        assert list(builder.sizes()) == [digest], "it still takes room"


async def test_a_removed_environment_is_gone(tmp_path: Path, builder: EnvironmentBuilder) -> None:
    folder = EnvironmentsFolder(tmp_path)
    draft = folder.draft("a" * 64)
    draft.mkdir()
    folder.publish(draft, "a" * 64)
    assert builder.has_built("a" * 64)
    await builder.remove("a" * 64)
    await builder.remove("a" * 64)
    assert not builder.has_built("a" * 64)
    assert builder.sizes() == {}
