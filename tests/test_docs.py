"""The documentation says what is so: made pages are fresh, links lead somewhere, the tutorial runs."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from docs.reference import DOCS, cli_page, settings_page

from tests.running_platform import RunningPlatform
from treadle.cli.exit_codes import ExitCode
from treadle.settings import Settings

PROJECT = DOCS.parent
PAGES = sorted(path for path in (*PROJECT.glob("*.md"), *DOCS.rglob("*.md"), *(PROJECT / "examples").rglob("*.md")))
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#([^)]+))?\)")


def test_the_reference_of_the_commands_is_fresh() -> None:
    assert (DOCS / "cli.md").read_text() == cli_page(), "run `make docs`"


def test_the_page_of_the_settings_is_fresh() -> None:
    assert (DOCS / "settings.md").read_text() == settings_page(), "run `make docs`"


def test_every_setting_is_described() -> None:
    page = settings_page()
    for name, field in Settings.model_fields.items():
        assert field.description
        assert f"`TREADLE_{name.upper()}`" in page


def test_every_exit_code_is_described() -> None:
    table = (DOCS / "cli.md").read_text().partition("## Exit codes")[2]
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == [*ExitCode]


def test_every_route_stands_on_the_page_of_the_contract(platform: RunningPlatform) -> None:
    paths = httpx2.get(f"{platform.url}/openapi.json").json()["paths"]
    served = {
        (method.upper(), path)
        for path, operations in paths.items()
        for method in operations
        if not path.startswith("/api/runner/")
    }
    rows = re.findall(r"^\| ([A-Z]+) \| `([^`]+)` \|", (DOCS / "contract.md").read_text(), re.MULTILINE)
    assert sorted(served - set(rows)) == []
    assert sorted(set(rows) - served) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_lead_to_pages_that_exist(page: Path) -> None:
    targets = [target for target, _ in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_can_be_reached_from_the_index() -> None:
    reached: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page not in reached and page.is_relative_to(DOCS):
            reached.add(page)
            links = [target for target, _ in LINK.findall(page.read_text()) if target.endswith(".md")]
            waiting += [page.parent / target for target in links if "://" not in target]
    assert {path.resolve() for path in DOCS.rglob("*.md")} == reached


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, the file it is to be written to, its text."""

    language: str
    file: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = re.findall(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [Block(*each) for each in found]


# What a reader does once and the test has done already: the installation, and the platform in the other terminal.
ALREADY_DONE = {
    "git clone <this repository> treadle && cd treadle",
    "make demo",
    "make setup",
    "source .venv/bin/activate",
    "treadle up",
    ".venv/bin/treadle up",
    "TREADLE_COMPUTE_PROFILES=profiles.toml treadle up",
}


def follow(page: Path, folder: Path, environment: dict[str, str]) -> list[str]:
    """Write the files of a page, do what it says, from top to bottom; return what each step showed."""
    commands_of_ours = Path(sys.executable).parent
    environment = {**environment, "PATH": f"{commands_of_ours}{os.pathsep}{os.environ['PATH']}"}
    shown = []
    for block in sorted(blocks(page), key=lambda block: not block.file):
        if block.file:
            (folder / block.file).write_text(block.text)
        elif block.language == "python":
            shown.append(step([sys.executable, "-c", block.text], folder, environment))
        else:
            commands = [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ ")]
            shown += [step(["bash", "-c", each], folder, environment) for each in commands if each not in ALREADY_DONE]
    return shown


def step(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}"
    return done.stdout


@pytest.mark.timeout(180)  # a whole page of programs, one after the other
def test_the_tutorial_runs_from_top_to_bottom(platform: RunningPlatform, tmp_path: Path) -> None:
    shown = follow(DOCS / "getting-started.md", tmp_path, platform.environment)

    assert len(shown) == 8
    doctor, upload, run, listed, from_python, fitted, _, failed = shown
    assert "fail" not in doctor
    assert "Uploaded hello" in upload
    for text in ("QUEUED", "DONE", "Hello, Ada!", '"greeting"'):
        assert text in run
    assert "hello" in listed
    assert from_python.splitlines()[0] == "{'greeting': 'Hello, Grace!'}"
    assert [line.split()[0] for line in fitted.splitlines()] == ["156"] * 3
    assert "KeyError" in failed
    assert "exit code 1" in failed


def test_the_first_function_of_the_readme_runs(platform: RunningPlatform, tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)

    from_python, upload, run = follow(PROJECT / "README.md", tmp_path, platform.environment)

    assert from_python == "{'greeting': 'Hello, Ada!'}\n"
    assert "hello" in upload
    assert '"greeting": "Hello, Ada!"' in run


def test_the_page_about_the_sdk_runs(platform: RunningPlatform, tmp_path: Path) -> None:
    _, watched, counted, average = follow(DOCS / "sdk.md", tmp_path, platform.environment)

    for words in ("QUEUED\n", "at 0\n", "at 3\n", "DONE\n"):
        assert words in watched
    assert watched.splitlines()[-1] == "6"
    assert counted.endswith(" functions\n")
    assert average == "{'average': 3.0}\n"


@pytest.mark.timeout(600)  # the first time, packages are fetched
def test_the_page_about_dependencies_runs(platform: RunningPlatform, tmp_path: Path) -> None:
    month, _, _, stamped, environment, log = follow(DOCS / "dependencies.md", tmp_path, platform.environment)

    assert month == "2026-02-28\n"
    assert stamped.splitlines()[-1] == "59"
    assert "pendulum==3.1." in environment
    assert "pendulum==3.1." in log


def test_the_page_about_files_runs(platform: RunningPlatform, tmp_path: Path) -> None:
    totals, _, listed, _, deleted = follow(DOCS / "files.md", tmp_path, platform.environment)

    assert totals.splitlines()[0] == "3.5"
    assert [line.split()[:2] for line in totals.splitlines()[1:]] == [["july/counts.csv", "6"], ["july/total.txt", "3"]]
    assert [line.split()[0] for line in listed.splitlines()] == ["NAME", "july/again.txt", "july/total.txt"]
    assert (tmp_path / "back.txt").read_text() == "3.5"
    assert deleted.splitlines() == ["Deleted july/again.txt.", "Deleted july/total.txt."]


def test_the_page_about_versions_runs(platform: RunningPlatform, tmp_path: Path) -> None:
    told, listed, diff, rolled_back, ran = follow(DOCS / "versions.md", tmp_path, platform.environment)

    assert told.splitlines()[:4] == [
        "2 1.1 owner True",
        "1 1.0 owner False",
        "Good evening, Ada! 2 (1.1)",
        "Good morning, Ada!",
    ]
    assert '-save_result(f"Good morning' in told
    assert told.splitlines()[-1] == "Good morning, Ada!"
    assert [line.split()[0] for line in listed.splitlines()] == ["VERSION", "2", "1"]
    assert '+save_result(f"Good evening' in diff
    assert rolled_back == "New jobs of greet run version 2 (1.1).\n"
    assert "Good morning, Ada!" in ran


@pytest.mark.timeout(180)  # a whole page of commands, one after the other
def test_the_page_about_providers_goes_from_an_empty_platform_to_a_published_function(
    own_platform: RunningPlatform, tmp_path: Path
) -> None:
    shown = follow(DOCS / "providers.md", tmp_path, own_platform.environment)

    granted, _, result, public, listed, private = shown[-6:]
    assert granted.split()[-3:] == ["chemists", "yes", "no"]
    assert '"energy": -0.01' in result
    assert public == "INFO: estimating with 100 shots\n"
    assert "lab/estimate" in listed
    assert private == "INFO: using recipe 7\ncache is warm\n"


@pytest.mark.timeout(180)  # a whole page of programs, one after the other
def test_the_programs_of_the_page_about_programs_run(platform: RunningPlatform, tmp_path: Path) -> None:
    shown = follow(DOCS / "programs-and-tasks.md", tmp_path, platform.environment)

    energy, _, again, refused, backends, spread = shown
    assert "energy " in energy
    assert "energy " in again
    assert (tmp_path / "result.json").is_file()
    assert refused.splitlines() == [
        "result[\"a\"][3]: <class 'builtin_function_or_method'> cannot be stored",
        'result["a"][3]',
    ]
    assert "127" in backends.splitlines()
    assert "2 are ready, 4 to go" in spread


@pytest.mark.timeout(180)  # a whole page of commands, one after the other
def test_the_page_about_compute_profiles_runs(make_platform: Callable[..., RunningPlatform], tmp_path: Path) -> None:
    [profiles] = [block for block in blocks(DOCS / "compute-profiles.md") if block.language == "toml"]
    (tmp_path / profiles.file).write_text(profiles.text)
    running = make_platform(TREADLE_COMPUTE_PROFILES=str(tmp_path / profiles.file))
    listed, _, ran, from_python, sizes, _, sized, workers = follow(
        DOCS / "compute-profiles.md", tmp_path, running.environment
    )

    assert listed.splitlines()[2].split() == ["bx3d-24x120", "24", "120", "GB", "0", "no"]
    assert "24.0 cores, profile bx3d-24x120, size none" in ran
    assert from_python.splitlines()[0] == "cx3d-2x5 2.0 5000000000 0.0 True"
    assert from_python.splitlines()[3] == "bx3d-24x120 24.0 cores, profile bx3d-24x120, size none"
    assert sizes.splitlines() == [
        "2.0 cores, profile cx3d-2x5, size S",
        "24.0 cores, profile bx3d-24x120, size L",
    ]
    assert "24.0 cores, profile bx3d-24x120, size L" in sized
    assert workers.count("2.0 cores, profile cx3d-2x5") == 2
