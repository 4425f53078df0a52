"""The SDK offers what each release of the PyPI client offers, or says why not."""

from pathlib import Path

import pytest
from docs.reference import DOCS
from docs.sdk_compatibility import REASONS, SURFACES, Entry, entries, page
from tools.client_surface import surface

ENTRIES = entries()


def test_the_page_is_fresh() -> None:
    assert (DOCS / "sdk-compatibility.md").read_text() == page(), "run `make docs`"


def test_each_kind_of_release_is_compared() -> None:
    assert {path.stem for path in SURFACES.glob("*.json")} == {"0.18.1", "0.24.0", "0.30.1", "0.35.1", "0.37.0"}
    assert len(ENTRIES) > 400


def test_what_is_not_here_has_a_reason() -> None:
    missing = {entry.name: entry.differences() for entry in ENTRIES if entry.differences() and not entry.reason}
    assert missing == {}


def test_no_reason_is_left_over() -> None:
    used = {entry.reason for entry in ENTRIES if entry.differences()}
    assert set(REASONS.values()) == used


@pytest.mark.parametrize(
    ("name", "parameters", "told"),
    [
        ("qiskit_serverless.nothing", None, "is not here"),
        ("qiskit_serverless.no_module.nothing", None, "is not here"),
        ("qiskit_serverless.core.Job.result", ["wait=", "cadence="], ""),
        ("qiskit_serverless.core.Job.result", ["wait=", "patience="], "unexpected keyword argument 'patience'"),
        ("qiskit_serverless.core.ServerlessClient.status", [], ""),
        ("qiskit_serverless.core.ServerlessClient.status", ["job"], "missing a required argument: 'job_id'"),
    ],
)
def test_what_a_difference_is(name: str, parameters: list[str] | None, told: str) -> None:
    found = Entry(name, {"9.9": parameters}).differences()
    assert told in found.get("9.9", "")
    assert bool(found) == bool(told)


PROGRAM = """
from qiskit_serverless.core import Thing
from .inner import other as another
import os
LIMIT: int = os.cpu_count()
_hidden = 1
def call(a, /, b, *rest, c, d=1, **more): ...
class Kind(Base):
    level = 1
    def __init__(self, first, second=2): ...
    @property
    def shown(self): ...
    @staticmethod
    def make(token=None, *, name=""): ...
    def _own(self): ...
"""


def test_how_a_release_is_read(tmp_path: Path) -> None:
    package = tmp_path / "qiskit_serverless"
    package.mkdir()
    (package / "__init__.py").write_text(PROGRAM)
    (package / "inner.py").write_text("from qiskit_serverless import Kind\nother = 1\n")
    assert surface(tmp_path) == {
        "qiskit_serverless": {
            "Kind": {
                "bases": ["Base"],
                "members": {
                    "level": {},
                    "__init__": {"parameters": ["first", "second="]},
                    "shown": {},
                    "make": {"parameters": ["token=", "*", "name="]},
                },
            },
            "LIMIT": {},
            "Thing": {"from": "qiskit_serverless.core.Thing"},
            "another": {"from": "qiskit_serverless.inner.other"},
            "call": {"parameters": ["a", "b", "*rest", "c", "d=", "**more"]},
        },
        "qiskit_serverless.inner": {"other": {}},
    }
