"""What cannot be carried is refused, and the message says where it stands and what it is."""

import json
import pickle
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import SamplerOptions
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_serverless.exceptions import QiskitServerlessException, SerializationError
from qiskit_serverless.serialization import QiskitObjectsEncoder, dumps


class X:
    pass


@dataclass
class Record:
    number: int = 1


class LooksLikeJson:
    """The runtime client's encoder would take its word for it."""

    def to_json(self) -> str:
        return "{}"


class LooksLikeAnOperator:
    settings = {"a": 1}  # noqa: RUF012


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (X(), "result"),
        ({"a": [0, 1, 2, X()]}, 'result["a"][3]'),
        ([(1, {"b": X()})], 'result[0][1]["b"]'),
        ({(1, 2): [X()]}, "result[(1, 2)][0]"),
        ({1: {"naïve": X()}}, 'result[1]["naïve"]'),
        ({(1, X()): 2}, "result.keys()[0][1]"),
        ({'say "hi"': X()}, r'result["say \"hi\""]'),
        ([frozenset({X})], "result[0][0]"),
    ],
)
def test_the_path_leads_to_the_object(value: Any, path: str) -> None:
    with pytest.raises(SerializationError) as caught:
        dumps(value)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: <class ")
    assert str(caught.value).endswith(" cannot be stored")


def test_the_message_names_type_and_purpose() -> None:
    with pytest.raises(SerializationError, match=rf"^arguments\[\"a\"\]: <class '{X.__module__}.X'> cannot be sent$"):
        dumps({"a": X()}, "arguments", "sent")


@pytest.mark.parametrize(
    "value",
    [
        print,
        lambda: 1,
        X,
        Record(),
        LooksLikeJson(),
        LooksLikeAnOperator(),
        Path(),
        range(3),
        iter([1]),
        {}.keys(),
        memoryview(b"x"),
        threading.Lock(),
        ValueError("x"),
        SamplerOptions(),
        FakeManilaV2(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_form_of_its_own_is_refused_not_guessed(value: Any) -> None:
    with pytest.raises(SerializationError, match=r"^result\[0\]: <class '.*'> cannot be stored"):
        dumps([value])


def test_the_error_is_a_type_error_as_that_of_json_and_one_of_the_sdk() -> None:
    with pytest.raises(TypeError) as caught:
        json.dumps([X()], cls=QiskitObjectsEncoder)
    assert isinstance(caught.value, QiskitServerlessException)
    assert str(caught.value) == f"value[0]: {X} cannot be encoded"


def test_the_error_keeps_its_path_on_the_way_to_another_process() -> None:
    with pytest.raises(SerializationError) as caught:
        dumps([X()])
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.path) == (str(caught.value), "result[0]")


def test_a_list_that_contains_itself() -> None:
    circle: list[Any] = [1]
    circle.append({"again": circle})
    with pytest.raises(
        SerializationError, match=r'^result\[1\]\["again"\]: <class \'list\'> cannot be stored: it contains itself$'
    ):
        dumps(circle)


@pytest.mark.parametrize("depth", [5_000, 100_000])
def test_a_nest_without_end(depth: int) -> None:
    nest: list[Any] = []
    for _ in range(depth):
        nest = [nest]
    with pytest.raises(SerializationError, match="result cannot be stored: it is nested too deeply"):
        dumps(nest)


def test_an_integer_that_json_cannot_write() -> None:
    with pytest.raises(SerializationError, match="result cannot be stored: Exceeds the limit"):
        dumps({"a": 10**5000})


def test_metadata_of_a_circuit_is_not_an_exception() -> None:
    circuit = QuantumCircuit(1, metadata={"x": [X()]})
    with pytest.raises(
        SerializationError,
        match=r'^result\[0\]: <class .*QuantumCircuit\'> cannot be stored: metadata\["x"\]\[0\]: <class',
    ):
        dumps([circuit])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_circuit_whose_delays_would_change_their_unit_is_refused(unit: str) -> None:
    plain, inside = QuantumCircuit(1, 1), QuantumCircuit(1, 1)
    plain.delay(100, 0, unit=unit)
    with inside.if_test((0, True)):
        inside.delay(100, 0, unit=unit)

    for circuit in (plain, inside):
        with pytest.raises(SerializationError, match=rf"result\[\"c\"\].*a delay in {unit}, .* in dt"):
            dumps({"c": circuit})
