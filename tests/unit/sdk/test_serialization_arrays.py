"""NumPy's arrays and scalars and SciPy's sparse matrices come back with their types, and quickly enough."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from qiskit_ibm_runtime import RuntimeDecoder, RuntimeEncoder
from scipy import sparse

from qiskit_serverless.exceptions import SerializationError
from qiskit_serverless.serialization import dumps, loads


def identical(one: Any, other: Any) -> bool:
    return (
        type(one) is type(other)
        and one.dtype == other.dtype
        and one.shape == other.shape
        and one.tobytes() == other.tobytes()
    )


DTYPES = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes()
    | hnp.floating_dtypes()
    | hnp.complex_number_dtypes()
    | hnp.datetime64_dtypes()
    | hnp.timedelta64_dtypes()
    | hnp.byte_string_dtypes(min_len=1)
    | hnp.unicode_string_dtypes(min_len=1)
)


@given(hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0)))
def test_any_array_comes_back_with_type_shape_and_bytes(array: Any) -> None:
    assert identical(loads(dumps({"a": array}))["a"], np.asarray(array))


@given(hnp.arrays(DTYPES, 1).map(lambda array: array[0]))
def test_any_scalar_comes_back_with_its_type(scalar: Any) -> None:
    back = loads(dumps([scalar]))[0]
    assert type(back) is type(scalar)
    assert back.dtype == scalar.dtype
    assert np.array_equal(back, scalar) or (back != back and scalar != scalar)


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.arange(20)[::3],
        np.zeros(3, dtype=[("site", "i4"), ("spin", "f8", (2,))]),
        np.arange(3, dtype=">u2"),
        np.broadcast_to(np.float32(1), (2, 2)),
    ],
    ids=["Fortran order", "strided", "structured", "big-endian", "broadcast"],
)
def test_arrays_of_unusual_make(array: Any) -> None:
    back = loads(dumps(array))
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)
    assert back.flags.f_contiguous == np.ascontiguousarray(array).flags.f_contiguous or array.flags.f_contiguous


@pytest.mark.parametrize("subclass", [np.matrix, np.recarray])
def test_views_of_arrays_come_back_as_arrays(subclass: Any) -> None:
    array = np.array([[(1, 2.0)]], dtype=[("a", "i4"), ("b", "f8")]) if subclass is np.recarray else np.array([[1, 2]])
    assert np.array_equal(loads(dumps(array.view(subclass))), array)


def test_an_array_in_a_file_comes_back_as_an_array(tmp_path: Any) -> None:
    np.save(tmp_path / "a.npy", np.arange(5))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert np.array_equal(loads(dumps(mapped)), np.arange(5))


@pytest.mark.parametrize("scalar", [np.zeros(1, dtype=[("a", "i4")])[0], np.longdouble(1) / 3, np.clongdouble(1j) / 3])
def test_scalars_that_python_has_no_number_for(scalar: Any) -> None:
    back = loads(dumps(scalar))
    assert type(back) is type(scalar)
    assert back == scalar


def test_arrays_of_objects_keep_shape_and_objects() -> None:
    array = np.empty((2, 2), dtype=object)
    array[:] = [[1, (2, 3)], [None, np.arange(2)]]
    back = loads(dumps(array))
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back[0, 1] == (2, 3)
    assert np.array_equal(back[1, 1], np.arange(2))


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (2, 0, 1)])
def test_empty_arrays_of_objects_keep_their_shape(shape: tuple[int, ...]) -> None:
    assert loads(dumps(np.full(shape, None, dtype=object))).shape == shape


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array", "coo_array", "bsr_matrix", "dia_array"])
def test_sparse_matrices_keep_their_kind(kind: str) -> None:
    matrix = getattr(sparse, kind)(np.diag([1.0, 2.0, 0.0]))
    back = loads(dumps(matrix))
    assert type(back) is type(matrix)
    assert np.array_equal(back.toarray(), matrix.toarray())


def test_noise_is_not_compressed_in_vain_and_the_rest_is_compressed_well() -> None:
    noise = np.random.default_rng(0).random(100_000)
    assert len(dumps(noise)) == pytest.approx(noise.nbytes * 4 / 3, rel=0.01)
    assert len(dumps(np.zeros(100_000))) < 10_000


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3), np.random.default_rng(0).random(20_000), np.array(["a", "bc"])]
)
def test_the_runtime_client_and_we_read_each_others_arrays(array: Any) -> None:
    assert identical(json.loads(dumps(array), cls=RuntimeDecoder), array)
    assert identical(loads(json.dumps(array, cls=RuntimeEncoder)), array)


def test_the_runtime_clients_arrays_of_objects_can_be_read() -> None:
    array = np.array([1, "a", None], dtype=object)
    assert loads(json.dumps(array, cls=RuntimeEncoder)).tolist() == [1, "a", None]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            np.ma.array([1, 2], mask=[0, 1]),
            r"result\[0\]: <class '.*MaskedArray'> cannot be stored: it is more than an array",
        ),
        (np.array([(1, None)], dtype=[("a", "i4"), ("b", object)]), r"result\[0\]: an array of .* cannot be stored: "),
        (np.array([[1, object()]], dtype=object), r"result\[0\]\[0\]\[1\]: <class 'object'> cannot be stored$"),
        (
            np.array(["a", "bb"], np.dtypes.StringDType()),
            r"result\[0\]: an array of StringDType\(\) .*use \.astype\(str\)",
        ),
        (sparse.lil_matrix((2, 2)), r"result\[0\]: <class '.*lil_matrix'> cannot be stored: convert it to CSR first"),
    ],
)
def test_what_would_lose_something_is_refused(value: Any, message: str) -> None:
    with pytest.raises(SerializationError, match=message):
        dumps([value])
