"""NumPy arrays and scalars, and SciPy's sparse matrices, to JSON and back."""

import base64
import io
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from qiskit_serverless.serialization.tags import PREFIX, VALUE, CannotEncodeError, Encode, Json, Value, Walk, tagged

_SAMPLE = 1 << 16
_WORTH_COMPRESSING = 0.9
_ZLIB_IN_BASE64 = ("eA", "eF", "eJ", "eN")
_EXACT_ITEMS = (bool, int, float, complex, str, bytes)
_SPARSE_FORMATS = ("csr", "csc", "coo", "bsr", "dia")  # those that SciPy has a file format for
# Views of plain arrays. Other subclasses carry something that would be lost: a mask, a unit.
_ARRAYS = (np.ndarray, np.memmap, np.matrix, np.recarray)


def find_encoder(kind: type) -> Encode | None:
    """Return the encoder for a type of NumPy or SciPy, None if it has none."""
    if issubclass(kind, np.ndarray):
        return encode_array
    if issubclass(kind, np.generic):
        return _encode_scalar
    if kind.__module__.startswith("scipy.sparse"):
        return _encode_sparse
    return None


def encode_array(walk: Walk, array: "np.ndarray[Any, Any]") -> Json:
    """Return the JSON form of an array: its ``.npy`` file, or the nested lists of its objects."""
    if type(array) not in _ARRAYS:
        raise CannotEncodeError(type(array), "it is more than an array; store its parts")
    if array.dtype == object:
        return tagged(f"{PREFIX}ndarray", _nested(walk, array), shape=list(array.shape))
    return tagged("ndarray", _file_of(array))


def _nested(walk: Walk, array: "np.ndarray[Any, Any]") -> Json:
    return walk.items(array) if array.ndim == 1 else _nested_deeper(walk, array)


def _nested_deeper(walk: Walk, array: "np.ndarray[Any, Any]") -> Json:
    if array.ndim == 0:
        return walk.encode(array.item())
    rows = []
    try:
        for row in array:
            rows.append(_nested(walk, row))  # its length is the index an error names
    except CannotEncodeError as refusal:
        refusal.steps.append(f"[{len(rows)}]")
        raise
    return rows


def _file_of(array: "np.ndarray[Any, Any]") -> str:
    buffer = io.BytesIO()
    try:
        np.save(buffer, np.asarray(array), allow_pickle=False)
    except ValueError as error:  # objects inside
        raise CannotEncodeError(f"an array of {array.dtype}", str(error)) from error
    return base64.b64encode(_compress(buffer.getbuffer())).decode("ascii")


def _compress(data: memoryview) -> bytes:
    """Compress what a sample says is worth it; noise, such as random floats, is only wrapped."""
    middle = len(data) // 2
    sample = data[middle : middle + _SAMPLE]
    worth = len(data) <= _SAMPLE or len(zlib.compress(sample, 1)) < _WORTH_COMPRESSING * len(sample)
    return zlib.compress(data, 1 if worth else 0)


def _encode_scalar(walk: Walk, scalar: "np.generic[Any]") -> Json:
    item = scalar.item()
    if scalar.dtype.kind in "biufcSU" and type(item) in _EXACT_ITEMS:
        return tagged(f"{PREFIX}scalar", walk.encode(item), dtype=scalar.dtype.str)
    return tagged(f"{PREFIX}scalar", encode_array(walk, np.asarray(scalar)), dtype=None)


def _encode_sparse(walk: Walk, matrix: Value) -> Json:
    from scipy import sparse  # type: ignore[import-untyped]

    if not sparse.issparse(matrix):
        raise CannotEncodeError(type(matrix))
    if matrix.format not in _SPARSE_FORMATS:
        raise CannotEncodeError(type(matrix), "convert it to CSR first")
    buffer = io.BytesIO()
    sparse.save_npz(buffer, matrix)
    return tagged("spmatrix", base64.b64encode(buffer.getbuffer()).decode("ascii"))


def _decode_array(fields: dict[str, Json]) -> Value:
    value = fields[VALUE]
    if isinstance(value, str) and value.startswith(_ZLIB_IN_BASE64):
        return np.load(io.BytesIO(zlib.decompress(base64.b64decode(value))), allow_pickle=False)
    # The runtime client's form of an array of objects; a text stands for itself.
    return value if isinstance(value, str) else np.array(value)


def _decode_object_array(fields: dict[str, Json]) -> "np.ndarray[Any, Any]":
    array = np.empty(tuple(fields["shape"]), dtype=object)
    for index in np.ndindex(array.shape):
        item = fields[VALUE]
        for position in index:
            item = item[position]
        array[index] = item
    return array


def _decode_scalar(fields: dict[str, Json]) -> Value:
    if fields["dtype"] is None:
        return fields[VALUE][()]
    return np.dtype(fields["dtype"]).type(fields[VALUE])


def _decode_sparse(fields: dict[str, Json]) -> Value:
    from scipy import sparse

    return sparse.load_npz(io.BytesIO(base64.b64decode(fields[VALUE])))


DECODERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "ndarray": _decode_array,
    "spmatrix": _decode_sparse,
    f"{PREFIX}ndarray": _decode_object_array,
    f"{PREFIX}scalar": _decode_scalar,
}
