"""What an older client is shown of a value that we wrote: only what qiskit-ibm-runtime's decoder knows.

The gateway calls this. It imports neither NumPy nor Qiskit.
"""

import json

from qiskit_serverless.serialization.tags import DICT, PREFIX, SET, TYPE, VALUE, Json

_MARK = f'"{PREFIX}'
_HASHABLE = frozenset({"complex", "datetime", "Parameter"})


def reduce_for_runtime_client(text: str) -> str:
    """Return JSON text in which our own types are replaced by what the runtime client has for them.

    A tuple becomes a list, bytes become base64 text, a NumPy scalar a number, the keys of a dictionary text; a dictionary
    for which that is impossible (two keys would be the same text, or one is ``__type__``) becomes a list of pairs. Text
    without types of our own is returned as it is, and so is what a program wrote by itself and got wrong.

    Args:
        text: What `qiskit_serverless.serialization.dumps` wrote.
    """
    if _MARK not in text:
        return text
    try:
        return json.dumps(json.loads(text, object_hook=_reduce), separators=(",", ":"))
    except (ValueError, TypeError, RecursionError):
        return text


def _reduce(fields: dict[str, Json]) -> Json:
    kind = fields.get(TYPE)
    if not isinstance(kind, str) or VALUE not in fields:
        return fields
    if kind == DICT:
        return _with_text_keys(fields[VALUE])
    if kind == SET:
        return fields if all(map(_is_hashable, fields[VALUE])) else fields[VALUE]
    return fields[VALUE] if kind.startswith(PREFIX) else fields


def _with_text_keys(pairs: list[list[Json]]) -> Json:
    fields = {key if isinstance(key, str) else json.dumps(key): value for key, value in pairs}
    return pairs if TYPE in fields or len(fields) < len(pairs) else fields


def _is_hashable(item: Json) -> bool:
    if isinstance(item, dict):
        return item.get(TYPE) in _HASHABLE
    return not isinstance(item, list)
