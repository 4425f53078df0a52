"""The rules of CONTRIBUTING.md that a machine can hold."""

import ast
import re
import statistics
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1]
SOURCES = sorted(path for path in (PROJECT / "src").rglob("*.py") if path.parent.name != "versions")
LOCKS = sorted(
    [
        PROJECT / "requirements.lock",
        PROJECT / "deploy" / "container" / "requirements.lock",
        *(PROJECT / "tests" / "contract" / "clients").glob("*.lock"),
    ]
)
TEXTS = sorted(
    path
    for folder in ("src", "tests", "docs", "examples", "benchmarks", "deploy", ".ci")
    for path in (PROJECT / folder).rglob("*")
    if path.suffix in {".py", ".md", ".lock", ".toml", ".yaml", ".in", ""} and path.is_file()
)


def functions() -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of its body, without the docstring."""
    start = function.body[bool(ast.get_docstring(function)) and len(function.body) > 1]
    assert function.end_lineno is not None
    return function.end_lineno - start.lineno + 1


def test_functions_are_small() -> None:
    lengths = sorted(length(function) for function in functions())

    assert statistics.median(lengths) <= 8
    assert lengths[int(len(lengths) * 0.95)] <= 40
    assert lengths[-1] <= 80


def test_modules_are_small() -> None:
    assert [str(path) for path in SOURCES if len(path.read_text().splitlines()) > 400] == []


def test_modules_are_named_for_what_they_hold() -> None:
    assert {path.stem for path in SOURCES} & {
        "utils",
        "util",
        "helpers",
        "helper",
        "manager",
        "common",
        "misc",
    } == set()


def catches_everything(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or ast.unparse(kind) in {"Exception", "BaseException"} for kind in kinds)


def test_catching_everything_is_rare() -> None:
    caught = [
        f"{path.relative_to(PROJECT)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and catches_everything(node)
    ]
    assert len(caught) <= 5, caught


def locked(lock: Path) -> dict[str, set[str]]:
    """Return the versions that a lock has of each distribution."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock.read_text(), re.MULTILINE):
        found.setdefault(name.lower(), set()).add(version)
    return found


def test_the_lock_meets_every_requirement_of_the_project() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    extras = chain.from_iterable(project["project"]["optional-dependencies"].values())
    wanted = [*project["project"]["dependencies"], *extras, *project["dependency-groups"]["dev"]]
    versions = locked(PROJECT / "requirements.lock")

    for requirement in map(Requirement, wanted):
        found = versions.get(requirement.name.lower(), set())
        assert any(requirement.specifier.contains(version) for version in found), f"{requirement}: run `make lock`"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_locked_distribution_has_a_hash(lock: Path) -> None:
    entries = re.split(r"^(?=[A-Za-z0-9._-]+==)", lock.read_text(), flags=re.MULTILINE)[1:]

    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_no_file_names_the_host_of_a_package_registry() -> None:
    hosts = re.compile("|".join((r"pypi\.(org|python)", r"files\.python" + "hosted", r"registry\." + "npmjs")))

    assert [str(path) for path in TEXTS if hosts.search(path.read_text())] == []
