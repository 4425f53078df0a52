"""NumPy arrays and scalars, and SciPy's sparse matrices, to JSON and back."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from qiskit_serverless.exceptions import SerializationError
from qiskit_serverless.serialization.binary import Binary, bytes_of, inflated_bytes_of
from qiskit_serverless.serialization.compression import Buffer
from qiskit_serverless.serialization.tags import PREFIX, VALUE, CannotEncodeError, Encode, Json, Value, Walk, tagged

_LARGE = 1 << 12  # below, a copy is quicker than care
_NPY_1_0 = b"\x93NUMPY\x01\x00"
_LONGEST_HEADER = 8 + 2 + 0xFFFF
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
    if array.dtype.char == "T":  # StringDType, which is of NumPy 2
        raise CannotEncodeError(f"an array of {array.dtype}", "NumPy has no file format for it; use .astype(str)")
    if array.dtype == object:
        return tagged(f"{PREFIX}ndarray", _nested(walk, array), shape=list(array.shape))
    return tagged("ndarray", walk.binary(Binary(_file_of(np.asarray(array)))))


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


def _file_of(array: "np.ndarray[Any, Any]") -> tuple[Buffer, ...]:
    """Return the ``.npy`` file of an array in pieces, the elements of a large one where they lie."""
    if array.nbytes >= _LARGE and not array.dtype.hasobject and array.dtype.names is None:
        fields = np.lib.format.header_data_from_array_1_0(array)
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, fields)
        elements = np.ascontiguousarray(array.T if fields["fortran_order"] else array)
        return header.getbuffer(), elements.reshape(-1).view(np.uint8).data
    buffer = io.BytesIO()
    try:
        np.save(buffer, array, allow_pickle=False)
    except ValueError as error:  # objects inside
        raise CannotEncodeError(f"an array of {array.dtype}", str(error)) from error
    return (buffer.getbuffer(),)


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
    return tagged("spmatrix", walk.binary(Binary((buffer.getbuffer(),), deflated=False)))


def _decode_array(fields: dict[str, Json]) -> Value:
    value = fields[VALUE]
    if isinstance(value, memoryview) or (isinstance(value, str) and value.startswith(_ZLIB_IN_BASE64)):
        return _array_in(inflated_bytes_of(value))
    # The runtime client's form of an array of objects; a text stands for itself.
    return value if isinstance(value, str) else np.array(value)


def _array_in(file: Buffer) -> "np.ndarray[Any, Any]":
    """Return the array of a ``.npy`` file. It is a view of memory that may be written to, and a copy of other memory."""
    view = memoryview(file)
    if view.readonly or len(view) < _LARGE or bytes(view[:8]) != _NPY_1_0:
        loaded: np.ndarray[Any, Any] = np.load(io.BytesIO(view), allow_pickle=False)
        return loaded
    header = io.BytesIO(view[8:_LONGEST_HEADER])
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(header)
    if dtype.hasobject or dtype.itemsize == 0:
        raise SerializationError(f"An array of {dtype} cannot be read: it may hold code, or nothing.")
    elements: np.ndarray[Any, Any] = np.frombuffer(view, dtype, offset=8 + header.tell())
    array: np.ndarray[Any, Any] = elements.reshape(shape, order="F" if fortran_order else "C")
    return array


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

    return sparse.load_npz(io.BytesIO(bytes_of(fields[VALUE])))


DECODERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "ndarray": _decode_array,
    "spmatrix": _decode_sparse,
    f"{PREFIX}ndarray": _decode_object_array,
    f"{PREFIX}scalar": _decode_scalar,
}
