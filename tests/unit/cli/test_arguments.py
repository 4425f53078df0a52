"""Arguments on the command line: ``key=value`` and ``key=@file``."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qpy

from treadle.cli.arguments import parse_arguments

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_whatever_is_written_as_json_arrives_as_it_is(value: object) -> None:
    assert parse_arguments([f"key={json.dumps(value)}"]) == {"key": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("fake_sherbrooke", "fake_sherbrooke"),
        ("1", 1),
        ("1.5", 1.5),
        ("true", True),
        ("True", "True"),
        ("null", None),
        ('"1"', "1"),
        ("", ""),
        ("a=b", "a=b"),
        ("[1, 2", "[1, 2"),
        ("@@home", "@home"),
    ],
)
def test_a_value_is_json_if_it_can_be_and_text_otherwise(text: str, value: object) -> None:
    assert parse_arguments([f"key={text}"]) == {"key": value}


def test_a_json_file_is_a_json_value(tmp_path: Path) -> None:
    (tmp_path / "bounds.json").write_text('{"low": [0, 1]}')

    assert parse_arguments([f"bounds=@{tmp_path}/bounds.json"]) == {"bounds": {"low": [0, 1]}}


def test_a_text_file_is_text(tmp_path: Path) -> None:
    (tmp_path / "molecule.xyz").write_text("H 0 0 0\nH 0 0 0.74\n")

    assert parse_arguments([f"molecule=@{tmp_path}/molecule.xyz"]) == {"molecule": "H 0 0 0\nH 0 0 0.74\n"}


def test_an_npy_file_is_an_array(tmp_path: Path) -> None:
    weights = np.arange(6.0).reshape(2, 3)
    np.save(tmp_path / "weights.npy", weights)

    [value] = parse_arguments([f"weights=@{tmp_path}/weights.npy"]).values()

    np.testing.assert_array_equal(value, weights)


def test_a_qpy_file_is_its_circuit_or_the_list_of_them(tmp_path: Path) -> None:
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    with (tmp_path / "one.qpy").open("wb") as file:
        qpy.dump(bell, file)
    with (tmp_path / "two.qpy").open("wb") as file:
        qpy.dump([bell, QuantumCircuit(1)], file)

    arguments = parse_arguments([f"one=@{tmp_path}/one.qpy", f"two=@{tmp_path}/two.qpy"])

    assert arguments == {"one": bell, "two": [bell, QuantumCircuit(1)]}


@pytest.mark.parametrize("pair", ["", "name", "=value", "@file"])
def test_what_is_no_pair_is_refused_by_name(pair: str) -> None:
    with pytest.raises(typer.BadParameter, match=repr(pair)):
        parse_arguments([pair])


def test_a_key_that_comes_twice_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="'shots' is given twice"):
        parse_arguments(["shots=1", "shots=2"])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match=r"x=@.*/gone.json: No such file"):
        parse_arguments([f"x=@{tmp_path}/gone.json"])


@pytest.mark.parametrize("content", [b"", b"junk", b"QISKIT\x0c\x00", b"\x93NUMPY\x01\x00", b"\xff" * 100])
@pytest.mark.parametrize("suffix", [".json", ".qpy", ".npy"])
def test_a_file_that_does_not_hold_what_its_suffix_promises_is_named(
    suffix: str, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / f"wrong{suffix}"
    path.write_bytes(content)

    with pytest.raises(typer.BadParameter, match=rf"x=@.*/wrong\{suffix}: it does not hold what its suffix promises"):
        parse_arguments([f"x=@{path}"])


def test_pickles_in_an_array_file_are_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)

    with pytest.raises(typer.BadParameter, match=r"objects\.npy"):
        parse_arguments([f"x=@{tmp_path}/objects.npy"])
