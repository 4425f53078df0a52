"""JSON to Python values. Qiskit and NumPy are imported when the first object of theirs is met."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from importlib import import_module
from zoneinfo import ZoneInfo

from qiskit_serverless.exceptions import SerializationError
from qiskit_serverless.serialization.binary import bytes_of
from qiskit_serverless.serialization.tags import DICT, PREFIX, SET, TYPE, VALUE, Value

Decode = Callable[[dict[str, Value]], Value]

_ARRAYS = "qiskit_serverless.serialization.arrays"
_QUANTUM = "qiskit_serverless.serialization.quantum"
_MODULES = {
    "ndarray": _ARRAYS,
    "spmatrix": _ARRAYS,
    f"{PREFIX}ndarray": _ARRAYS,
    f"{PREFIX}scalar": _ARRAYS,
    f"{PREFIX}NoiseModel": "qiskit_serverless.serialization.noise",
}
"""Which module of ours knows which kinds; the others are Qiskit's."""


def loads(text: str | bytes) -> Value:
    """Return the value that `dumps`, or qiskit-ibm-runtime's encoder, wrote.

    Raises:
        json.JSONDecodeError: It is not JSON.
        SerializationError: It holds a type that this version does not know.
    """
    return json.loads(text, object_hook=restore)


class QiskitObjectsDecoder(json.JSONDecoder):
    """The same as a class for `json.loads`."""

    def __init__(self, **options: Value) -> None:
        super().__init__(**{**options, "object_hook": self.object_hook})

    def object_hook(self, obj: dict[str, Value]) -> Value:
        """Return the object that `obj` describes, or `obj` itself if it describes none."""
        return restore(obj)


def restore(fields: dict[str, Value]) -> Value:
    """Return the object that a JSON object describes, or the JSON object if it describes none."""
    kind = fields.get(TYPE)
    if not isinstance(kind, str) or VALUE not in fields:
        return fields
    decode = _DECODERS.get(kind) or _library_decoder(kind)
    return decode(fields)


def _library_decoder(kind: str) -> Decode:
    module = import_module(_MODULES.get(kind, _QUANTUM))
    decode: Decode | None = module.DECODERS.get(kind)
    if decode is None and kind.startswith(PREFIX):
        raise SerializationError(
            f"A value of type {kind!r} was written by a newer version of Treadle. Upgrade: pip install -U treadle"
        )
    return decode or module.decode_by_runtime_client


def _decode_tuple(fields: dict[str, Value]) -> tuple[Value, ...]:
    return tuple(fields[VALUE])


def _decode_dict(fields: dict[str, Value]) -> dict[Value, Value]:
    return dict(fields[VALUE])


def _decode_set(fields: dict[str, Value]) -> set[Value]:
    return set(fields[VALUE])


def _decode_frozenset(fields: dict[str, Value]) -> frozenset[Value]:
    return frozenset(fields[VALUE])


def _decode_complex(fields: dict[str, Value]) -> complex:
    real, imag = fields[VALUE]
    return complex(real, imag)


def _decode_bytes(fields: dict[str, Value]) -> bytes:
    return bytes(bytes_of(fields[VALUE]))


def _decode_bytearray(fields: dict[str, Value]) -> bytearray:
    return bytearray(_decode_bytes(fields))


def _decode_iso(fields: dict[str, Value]) -> datetime:
    return datetime.fromisoformat(fields[VALUE])


def _decode_datetime(fields: dict[str, Value]) -> datetime:
    moment: datetime = fields[VALUE]
    if "zone" in fields:
        moment = moment.replace(tzinfo=ZoneInfo(fields["zone"]))
    return moment.replace(fold=fields["fold"])


def _decode_date(fields: dict[str, Value]) -> date:
    moment: datetime = fields[VALUE]
    return moment.date()


def _decode_timedelta(fields: dict[str, Value]) -> timedelta:
    days, seconds, microseconds = fields["parts"]
    return timedelta(days, seconds, microseconds)


_DECODERS: dict[str, Decode] = {
    "complex": _decode_complex,
    "datetime": _decode_iso,
    SET: _decode_set,
    DICT: _decode_dict,
    f"{PREFIX}tuple": _decode_tuple,
    f"{PREFIX}frozenset": _decode_frozenset,
    f"{PREFIX}bytes": _decode_bytes,
    f"{PREFIX}bytearray": _decode_bytearray,
    f"{PREFIX}datetime": _decode_datetime,
    f"{PREFIX}date": _decode_date,
    f"{PREFIX}timedelta": _decode_timedelta,
}
