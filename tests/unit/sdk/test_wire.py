"""What a client that knows only the runtime client's types is shown of our values."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_ibm_runtime import RuntimeDecoder

from qiskit_serverless.serialization import dumps, loads
from qiskit_serverless.wire import reduce_for_runtime_client
from tests.unit.sdk.quantum_values import OWN, SHARED
from tests.unit.sdk.test_serialization_plain import VALUES


def seen_by_runtime_client(value: Any) -> Any:
    return json.loads(reduce_for_runtime_client(dumps({"a": value})), cls=RuntimeDecoder)["a"]


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ((1, (2, "x")), [1, [2, "x"]]),
        ({1: "a", None: "b", False: "c", 1.5: "d"}, {"1": "a", "null": "b", "false": "c", "1.5": "d"}),
        ({(1, 2): {3: 4}}, {"[1, 2]": {"3": 4}}),
        ({1: "number", "1": "text"}, [[1, "number"], ["1", "text"]]),
        ({"__type__": "complex", "b": (1,)}, [["__type__", "complex"], ["b", [1]]]),
        (b"\x00\xff", "AP8="),
        (bytearray(b"x"), "eA=="),
        (frozenset({1, 2}), {1, 2}),
        ({1j, 2}, {1j, 2}),
        ({(1, 2)}, [[1, 2]]),
        ({frozenset({1})}, [{1}]),
        (date(2026, 1, 2), datetime(2026, 1, 2)),
        (datetime(2026, 1, 2, fold=1), datetime(2026, 1, 2)),
        ({datetime(2026, 1, 2, tzinfo=UTC)}, {datetime(2026, 1, 2, tzinfo=UTC)}),
        (timedelta(minutes=1, microseconds=500_000), 60.5),
        (np.float32(0.5), 0.5),
        (np.int8(-3), -3),
        (np.True_, True),
        (np.str_("x"), "x"),
        (np.complex64(1 + 2j), 1 + 2j),
        (np.datetime64("2026-01-02"), np.array(np.datetime64("2026-01-02"))),
        (np.array([1, (2, "x")], dtype=object), [1, [2, "x"]]),
    ],
)
def test_each_type_of_ours_becomes_the_nearest_that_is_known(value: Any, seen: Any) -> None:
    assert seen_by_runtime_client(value) == seen


@pytest.mark.filterwarnings("ignore:from_dict has been deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", OWN)
def test_nothing_of_ours_is_left_and_the_runtime_client_can_read_it(name: str) -> None:
    text = reduce_for_runtime_client(dumps({"a": OWN[name]}))
    assert "treadle:" not in text
    assert json.loads(text, cls=RuntimeDecoder)["a"] is not None


def test_an_expression_becomes_a_circuit_that_has_it_as_its_phase() -> None:
    expression = 2 * Parameter("a")
    seen = seen_by_runtime_client(expression)
    assert isinstance(seen, QuantumCircuit)
    assert seen.global_phase == expression


@given(VALUES)
def test_whatever_is_stored_can_be_read(value: Any) -> None:
    text = reduce_for_runtime_client(dumps({"a": value}))
    assert "treadle:" not in text or "treadle:" in repr(value)
    assert "a" in json.loads(text, cls=RuntimeDecoder)


@pytest.mark.parametrize("name", SHARED)
def test_text_without_types_of_ours_is_returned_as_it_is(name: str) -> None:
    text = dumps({"a": SHARED[name]})
    assert reduce_for_runtime_client(text) is text


@pytest.mark.parametrize(
    "text", ['{"a": "treadle:tuple"}', '{"treadle:x": [1.50, NaN]}', '"\\"treadle:"', '{"__type__": 1}']
)
def test_text_that_only_mentions_our_types_means_the_same_afterwards(text: str) -> None:
    assert repr(json.loads(reduce_for_runtime_client(text))) == repr(json.loads(text))


def test_numbers_that_json_does_not_know_stay() -> None:
    assert repr(seen_by_runtime_client((float("nan"), float("-inf")))) == "[nan, -inf]"


def test_the_gateway_needs_neither_numpy_nor_qiskit_for_it() -> None:
    program = (
        "import sys; from qiskit_serverless.wire import reduce_for_runtime_client as reduce;"
        "print(reduce(sys.stdin.read()), {'numpy', 'qiskit'} & set(sys.modules))"
    )
    text = dumps({"a": (np.float32(0.5), QuantumCircuit(1))})
    done = subprocess.run([sys.executable, "-c", program], input=text, capture_output=True, text=True, check=True)
    reduced, _, modules = done.stdout.strip().rpartition(" ")
    assert modules == "set()"
    assert loads(reduced) == {"a": [0.5, QuantumCircuit(1)]}
