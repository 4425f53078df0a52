"""How a result is outlined on a terminal."""

import json

from treadle.cli.results import outline


def test_a_small_result_is_shown_whole() -> None:
    result = {"energy": -1.137, "counts": {"00": 512, "11": 488}, "converged": True, "note": None}

    assert json.loads(outline(json.dumps(result))) == result


def test_encoded_objects_are_named_by_type_and_size() -> None:
    circuit = {"__type__": "QuantumCircuit", "__value__": "eJ" + "x" * 5000}

    shown = json.loads(outline(json.dumps({"circuits": [circuit]})))

    assert shown["circuits"][0].startswith("<QuantumCircuit, 5,0")
    assert shown["circuits"][0].endswith(" bytes>")


def test_long_lists_and_texts_are_cut_and_say_so() -> None:
    shown = json.loads(outline(json.dumps({"samples": list(range(100)), "log": "y" * 1000})))

    assert shown["samples"][:3] == [0, 1, 2]
    assert shown["samples"][-1] == "... 88 more"
    assert shown["log"].endswith("... (1000 characters)")


def test_a_list_that_just_fits_is_not_cut() -> None:
    assert json.loads(outline(json.dumps(list(range(12))))) == list(range(12))


def test_tuples_and_keys_that_are_numbers_are_shown_plainly() -> None:
    from qiskit_serverless.serialization import dumps

    assert json.loads(outline(dumps({"pair": (1, 2), "counts": {0: 5}}))) == {"pair": [1, 2], "counts": {"0": 5}}
