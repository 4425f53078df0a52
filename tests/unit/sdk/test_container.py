"""The container of large values: what it carries, how it lies, and what is refused."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.primitives.containers.bindings_array import BindingsArray

from qiskit_serverless.exceptions import SerializationError
from qiskit_serverless.serialization import dumps
from qiskit_serverless.serialization.compression import compressed, decompressed
from qiskit_serverless.serialization.container import (
    MAGIC,
    MOST_PARTS,
    PREAMBLE_SIZE,
    Preamble,
    is_container,
    parse_index,
    written,
)
from qiskit_serverless.serialization.packing import pack
from qiskit_serverless.serialization.unpacking import load, unpack

NOISE = np.random.default_rng(0).random(20_000)
PREAMBLE = struct.Struct("<8sHHIQII")


def packed(value: Any) -> bytearray:
    return bytearray().join(pack(value))


def there_and_back(value: Any) -> Any:
    data = packed(value)
    assert is_container(data)
    return unpack(memoryview(data))


def circuit(qubits: int = 2) -> QuantumCircuit:
    made = QuantumCircuit(qubits, metadata={"made": (1, 2j)})
    made.h(range(qubits))
    return made


@pytest.mark.parametrize(
    "array",
    [
        NOISE,
        np.zeros((300, 500)),
        np.asfortranarray(np.arange(60_000).reshape(200, 300)),
        np.arange(120_000)[::2],
        np.arange(60_000).astype("M8[s]"),
        np.arange(60_000, dtype=">i4"),
        np.zeros(10_000, dtype=[("ä", "f8"), ("b", "i4")]),
        np.array(["text", "longer"] * 20_000),
        np.zeros((0, 3)),
        np.array(1.5),
        np.random.default_rng(0).random(3_000_000).astype(np.complex64),
    ],
)
def test_arrays_come_back_as_they_were_and_can_be_written_to(array: Any) -> None:
    back = there_and_back({"array": array, "large": NOISE})["array"]
    np.testing.assert_array_equal(back, array)
    assert (back.dtype, back.shape, back.flags.writeable) == (array.dtype, array.shape, True)


def test_other_objects_come_back_as_they_were() -> None:
    bindings = BindingsArray({("a", "b"): np.random.default_rng(0).random((5_000, 2))})
    value = {
        "circuits": [circuit(n) for n in (1, 2, 2)],
        "bytes": b"x" * 70_000,
        "small": bytearray(b"y"),
        "b": bindings,
    }
    back = there_and_back(value)
    assert back["circuits"] == value["circuits"]
    assert [each.metadata for each in back["circuits"]] == [{"made": (1, 2j)}] * 3
    assert (back["bytes"], back["small"]) == (value["bytes"], value["small"])
    np.testing.assert_array_equal(back["b"].as_array(["a", "b"]), bindings.as_array(["a", "b"]))


def test_what_is_small_is_the_json_of_today() -> None:
    value = {"array": np.arange(100), "circuit": circuit()}
    assert packed(value).decode() == dumps(value)


def test_circuits_share_a_part_and_are_compressed_together() -> None:
    value = [circuit(100)] * 50
    assert len(packed(value)) < len(dumps(value)) / 5
    assert there_and_back(value) == value


def test_noise_is_stored_as_it_is_and_aligned() -> None:
    data = packed(NOISE)
    preamble = Preamble.parse(data)
    head, array = parse_index(preamble, data[PREAMBLE_SIZE : PREAMBLE_SIZE + preamble.index_size])
    assert not array.is_compressed
    assert array.offset % 64 == 0
    assert data[array.offset : array.offset + 6] == b"\x93NUMPY"
    assert json.loads(data[head.offset : head.offset + head.size]) == {
        "__type__": "ndarray",
        "__value__": {"__type__": "treadle:part", "text": "zlib+base64", "__value__": [1, 0, array.size]},
    }


def test_a_file_is_mapped_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_bytes(packed(NOISE))
    array = load(path)
    array[:] = 0.0
    np.testing.assert_array_equal(load(path), NOISE)


def test_a_dictionary_of_the_user_is_never_taken_for_a_reference() -> None:
    value = {"__type__": "treadle:part", "__value__": [1, 0, 8], "text": "base64"}
    assert there_and_back([value, NOISE])[0] == value


def test_an_error_names_the_place() -> None:
    with pytest.raises(SerializationError, match=r"arguments\[\"a\"\]\[1\].*cannot be sent"):
        pack({"a": [NOISE, object()]}, "arguments", "sent")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-1], "declares"),
        (lambda data: data[:20], "only the beginning"),
        (lambda data: data[:8] + b"\x02\x00" + data[10:], "version 2 .* Upgrade"),
        (lambda data: data[:10] + b"\x01\x00" + data[12:], "flags 1"),
        (lambda data: data[:12] + b"\x00" * 4 + data[16:], "declares 0"),
        (lambda data: data[:12] + struct.pack("<I", MOST_PARTS + 1) + data[16:], "declares 65537"),
        (lambda data: data[:40] + b"\x01" + data[41:], "index of the container is damaged"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "is damaged"),
    ],
)
def test_what_was_changed_is_refused(change: Any, words: str) -> None:
    with pytest.raises(SerializationError, match=words):
        unpack(memoryview(bytearray(change(bytes(packed(NOISE))))))


def with_head(head: Any, *parts: bytes) -> memoryview:
    return memoryview(bytearray().join(written([[json.dumps(head).encode()], *([part] for part in parts)])))


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ([2, 0, 1], "has no 1 bytes"),
        ([0, 0, 1], "has no 1 bytes"),
        ([1, 90, 20], "has no 20 bytes"),
        ([1, -1, 5], "has no 5 bytes"),
        ([1, 0, 2**70], "has no"),
        ([1, 0], "three whole numbers"),
        ([1, 0, True], "three whole numbers"),
        ("1", "three whole numbers"),
        (None, "three whole numbers"),
    ],
)
def test_references_to_what_is_not_there_are_refused(place: Any, words: str) -> None:
    head = {"__type__": "treadle:part", "text": "base64", "__value__": place}
    with pytest.raises(SerializationError, match=words):
        unpack(with_head(head, b"x" * 100))


def test_a_head_that_is_no_json_is_refused() -> None:
    with pytest.raises(SerializationError, match="does not hold a value"):
        unpack(memoryview(bytearray().join(written([[b"{nonsense"]]))))


def test_arrays_of_objects_are_refused_before_they_are_loaded() -> None:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1000,), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    file = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"x" * 8000
    head = {
        "__type__": "ndarray",
        "__value__": {"__type__": "treadle:part", "text": "base64", "__value__": [1, 0, len(file)]},
    }
    with pytest.raises(SerializationError, match="object cannot be read"):
        unpack(with_head(head, file))


def test_decompression_stops_at_the_declared_size() -> None:
    bomb = compressed([bytes(50_000_000)])
    assert bomb is not None
    blocks = decompressed(bomb, 2_000_000)
    with pytest.raises(SerializationError, match="does not have the 2000000 bytes"):
        assert sum(len(block) for block in blocks) <= 2_000_000
    with pytest.raises(SerializationError, match="does not have the"):
        list(decompressed(bomb, 50_000_001))
    with pytest.raises(SerializationError, match="cannot be decompressed"):
        list(decompressed([b"no frame"], 8))


@settings(max_examples=100)
@given(data=st.data())
def test_no_damage_raises_anything_else(data: st.DataObject) -> None:
    good = packed([np.zeros(20_000), b"x" * 70_000, [1, 2]])
    at = data.draw(st.integers(0, len(good) - 1))
    good[at] ^= data.draw(st.integers(1, 255))
    try:
        unpack(memoryview(good))
    except SerializationError:
        return
    assert at >= PREAMBLE_SIZE - 4, "the preamble is checked, but for its last four bytes"


def test_the_layout_is_the_documented_one() -> None:
    data = packed(NOISE)
    magic, version, flags, parts, size, checksum, _ = PREAMBLE.unpack(data[:PREAMBLE_SIZE])
    assert (magic, version, flags, parts, size) == (MAGIC, 1, 0, 2, len(data))
    assert checksum == zlib.crc32(data[PREAMBLE_SIZE : PREAMBLE_SIZE + 32 * parts])
