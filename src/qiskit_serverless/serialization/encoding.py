"""Python values to JSON. Qiskit and NumPy are imported when the first value of theirs is met."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from importlib import import_module
from zoneinfo import ZoneInfo

from qiskit_serverless.exceptions import SerializationError
from qiskit_serverless.serialization.binary import Binary
from qiskit_serverless.serialization.tags import (
    DICT,
    PREFIX,
    SET,
    TYPE,
    CannotEncodeError,
    Encode,
    Json,
    Value,
    Walk,
    tagged,
)

_PLAIN = frozenset({str, int, float, bool, type(None)})
_NAME = frozenset({str})
_NO_NESTING_LEFT = "it is nested too deeply"

# Which module of ours knows the types of which library.
_LIBRARIES = {
    "numpy": "qiskit_serverless.serialization.arrays",
    "scipy": "qiskit_serverless.serialization.arrays",
    "qiskit": "qiskit_serverless.serialization.quantum",
    "qiskit_ibm_runtime": "qiskit_serverless.serialization.quantum",
    "qiskit_aer": "qiskit_serverless.serialization.noise",
}


def dumps(value: Value, root: str = "result", verb: str = "stored") -> str:
    """Return `value` as JSON text.

    It carries everything that qiskit-ibm-runtime's encoder carries, and without loss: complex numbers, NumPy scalars with
    their type, bytes, dates, sets, tuples, and dictionaries with any hashable keys. An object of a subclass of a plain
    Python type is written as that type.

    Args:
        value: What to write.
        root: Name of the value in error messages.
        verb: What is about to happen to the value, in error messages.

    Raises:
        SerializationError: Something inside cannot be carried; the message names its place and type.
    """
    return json_text(tree_of(value, root, verb), root, verb)


def json_text(tree: Json, root: str, verb: str, default: Callable[[Binary], Json] | None = None) -> str:
    """Return a tree as JSON text.

    Args:
        tree: What `tree_of` returned.
        root: Name of the value in error messages.
        verb: What is about to happen to the value, in error messages.
        default: Returns what stands for the bytes that were kept in the tree.

    Raises:
        SerializationError: It is nested too deeply, or has too long a number.
    """
    try:
        return json.dumps(tree, separators=(",", ":"), check_circular=False, default=default)
    except RecursionError:
        raise SerializationError(f"{root} cannot be {verb}: {_NO_NESTING_LEFT}", root) from None
    except ValueError as error:  # an integer of thousands of digits
        raise SerializationError(f"{root} cannot be {verb}: {error}", root) from error


class QiskitObjectsEncoder(json.JSONEncoder):
    """The same as a class for `json.dumps`."""

    _root = "value"

    def iterencode(self, o: Value, _one_shot: bool = False) -> Iterator[str]:
        """Encode `o` piece by piece. A subclass may override `default` for types of its own.

        Raises:
            SerializationError: Something inside cannot be carried.
        """
        return super().iterencode(tree_of(o, self._root, "encoded", self.default), _one_shot)

    def default(self, o: Value) -> Json:
        """Return the JSON form of an object; called by subclasses for what is not of their types.

        Raises:
            SerializationError: It cannot be carried.
        """
        return tree_of(o, self._root, "encoded")


class _MetadataEncoder(QiskitObjectsEncoder):
    """Writes the metadata of circuits, which QPY carries as JSON."""

    _root = "metadata"


def tree_of(
    value: Value,
    root: str,
    verb: str,
    default: Callable[[Value], Json] | None = None,
    *,
    keep: Callable[[Binary], Json] = Binary.text,
) -> Json:
    """Return the JSON form of a value.

    Args:
        value: What to write.
        root: Name of the value in error messages.
        verb: What is about to happen to the value, in error messages.
        default: Returns the JSON form of objects that have none here.
        keep: Returns what stands for the bytes of an object.

    Raises:
        SerializationError: Something inside cannot be carried; the message names its place and type.
    """
    try:
        return _Walk(default, keep).encode(value)
    except CannotEncodeError as refusal:
        path = root + "".join(reversed(refusal.steps))
        reason = f": {refusal.reason}" if refusal.reason else ""
        raise SerializationError(f"{path}: {refusal.subject} cannot be {verb}{reason}", path) from refusal.__cause__
    except RecursionError:
        raise SerializationError(f"{root} cannot be {verb}: {_NO_NESTING_LEFT}", root) from None


class _Walk:
    """One pass over a value. Containers that hold only plain values are taken as they are, not copied."""

    def __init__(self, default: Callable[[Value], Json] | None, keep: Callable[[Binary], Json]) -> None:
        self._default = default
        self._keep = keep
        self._open: set[int] = set()

    @property
    def json_encoder(self) -> type[json.JSONEncoder]:
        return _MetadataEncoder

    def encode(self, value: Value) -> Json:
        kind = type(value)
        if kind in _PLAIN:
            return value
        encode = _ENCODERS.get(kind) or _find_encoder(kind)
        if id(value) in self._open:
            raise CannotEncodeError(kind, "it contains itself")
        self._open.add(id(value))
        try:
            return encode(self, value) if encode else self._ask_default(value)
        finally:
            self._open.discard(id(value))

    def items(self, values: Iterable[Value]) -> list[Json]:
        encoded: list[Json] = []
        try:
            for item in values:
                encoded.append(self.encode(item))  # its length is the index an error names
        except CannotEncodeError as refusal:
            refusal.steps.append(f"[{len(encoded)}]")
            raise
        return encoded

    def fields(self, mapping: dict[str, Value]) -> dict[str, Json]:
        encoded: dict[str, Json] = {}
        key = ""
        try:
            for key, item in mapping.items():
                encoded[key] = self.encode(item)
        except CannotEncodeError as refusal:
            refusal.steps.append(_key_step(key))
            raise
        return encoded

    def attribute(self, owner: Value, name: str) -> Json:
        try:
            return self.encode(getattr(owner, name))
        except CannotEncodeError as refusal:
            refusal.steps.append(f".{name}")
            raise

    def binary(self, binary: Binary) -> Json:
        return self._keep(binary)

    def _ask_default(self, value: Value) -> Json:
        if self._default is None:
            raise CannotEncodeError(type(value))
        try:
            replacement = self._default(value)
        except SerializationError as error:
            raise CannotEncodeError(type(value)) from error
        if isinstance(replacement, dict) and TYPE in replacement:
            return self.fields(replacement)
        return self.encode(replacement)


def _key_step(key: Value) -> str:
    return f"[{json.dumps(key, ensure_ascii=False)}]" if isinstance(key, str) else f"[{key!r}]"


def _find_encoder(kind: type) -> Encode | None:
    """Return the encoder of the most specific base of `kind` that has one, and remember it."""
    for base in kind.__mro__:
        encode = _ENCODERS.get(base) or _library_encoder(base)
        if encode:
            _ENCODERS[kind] = encode
            return encode
    return None


def _library_encoder(kind: type) -> Encode | None:
    module = _LIBRARIES.get(str(kind.__module__).partition(".")[0])
    encoder: Encode | None = import_module(module).find_encoder(kind) if module else None
    return encoder


def _as_it_is(walk: Walk, value: Value) -> Json:
    return value


def _encode_list(walk: Walk, value: list[Value]) -> list[Value]:
    return value if _PLAIN.issuperset(map(type, value)) else walk.items(value)


def _encode_tuple(walk: Walk, value: tuple[Value, ...]) -> Json:
    return tagged(f"{PREFIX}tuple", walk.items(value))


def _encode_dict(walk: Walk, value: dict[Value, Value]) -> Json:
    if not _NAME.issuperset(map(type, value)) or TYPE in value:
        return tagged(DICT, _pairs(walk, value))
    return value if _PLAIN.issuperset(map(type, value.values())) else walk.fields(value)


def _pairs(walk: Walk, value: dict[Value, Value]) -> list[list[Value]]:
    try:
        keys = walk.items(value)
    except CannotEncodeError as refusal:
        refusal.steps.append(".keys()")
        raise
    values = [_value_at(walk, key, item) for key, item in value.items()]
    return [list(pair) for pair in zip(keys, values, strict=True)]


def _value_at(walk: Walk, key: Value, item: Value) -> Json:
    try:
        return walk.encode(item)
    except CannotEncodeError as refusal:
        refusal.steps.append(_key_step(key))
        raise


def _encode_set(walk: Walk, value: set[Value]) -> Json:
    return tagged(SET, walk.items(value))


def _encode_frozenset(walk: Walk, value: frozenset[Value]) -> Json:
    return tagged(f"{PREFIX}frozenset", _encode_set(walk, set(value)))


def _encode_complex(walk: Walk, value: complex) -> Json:
    return tagged("complex", [value.real, value.imag])


def _encode_bytes(walk: Walk, value: bytes) -> Json:
    return tagged(f"{PREFIX}bytes", walk.binary(Binary((value,), deflated=False)))


def _encode_bytearray(walk: Walk, value: bytearray) -> Json:
    return tagged(f"{PREFIX}bytearray", walk.binary(Binary((value,), deflated=False)))


def _encode_datetime(walk: Walk, value: datetime) -> Json:
    """The runtime client's form; beside it what ISO text does not say: the zone's name, the second 2:30 of a night."""
    encoded = tagged("datetime", value.isoformat())
    zone = {"zone": value.tzinfo.key} if isinstance(value.tzinfo, ZoneInfo) and value.tzinfo.key else {}
    if not zone and not value.fold:
        return encoded
    return tagged(f"{PREFIX}datetime", encoded, fold=value.fold, **zone)


def _encode_date(walk: Walk, value: date) -> Json:
    return tagged(f"{PREFIX}date", tagged("datetime", value.isoformat()))


def _encode_timedelta(walk: Walk, value: timedelta) -> Json:
    return tagged(f"{PREFIX}timedelta", value.total_seconds(), parts=[value.days, value.seconds, value.microseconds])


_ENCODERS: dict[type, Encode] = {
    str: _as_it_is,
    int: _as_it_is,
    float: _as_it_is,
    list: _encode_list,
    tuple: _encode_tuple,
    dict: _encode_dict,
    set: _encode_set,
    frozenset: _encode_frozenset,
    complex: _encode_complex,
    bytes: _encode_bytes,
    bytearray: _encode_bytearray,
    datetime: _encode_datetime,
    date: _encode_date,
    timedelta: _encode_timedelta,
}
