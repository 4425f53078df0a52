"""What an older client is shown of a value that we wrote: only what qiskit-ibm-runtime's decoder knows.

The gateway calls this. It imports neither NumPy nor Qiskit.
"""

import json
import re
import secrets

from qiskit_serverless.exceptions import SerializationError
from qiskit_serverless.serialization.container import Part
from qiskit_serverless.serialization.references import Reference, is_reference
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


def split_at_references(head: bytes, parts: tuple[Part, ...], *, reduced: bool) -> list[str | Reference]:
    """Return the JSON text of a value in a container, cut where the bytes of objects belong, with the references to these.

    Args:
        head: Head of the container.
        parts: Its parts.
        reduced: Whether to replace our own types as `reduce_for_runtime_client` does.

    Raises:
        SerializationError: It is not JSON, or refers to something that is not there, or to the same bytes again and again.
    """
    mark = secrets.token_hex(16)  # nobody can have written it
    references: list[Reference] = []

    def replace(fields: dict[str, Json]) -> Json:
        if not is_reference(fields):
            return _reduce(fields) if reduced else fields
        references.append(Reference.from_json(fields, parts))
        return f"{mark}:{len(references) - 1};"

    try:
        text = json.dumps(json.loads(head, object_hook=replace), separators=(",", ":"))
    except (ValueError, TypeError, RecursionError) as error:
        raise SerializationError(f"The head of the container is not JSON that we wrote: {error}") from error
    if sum(reference.size for reference in references) > sum(part.size for part in parts):
        raise SerializationError("The container refers to more bytes than it has.")
    pieces = re.split(f"{mark}:([0-9]+);", text)
    return [references[int(piece)] if number % 2 else piece for number, piece in enumerate(pieces)]


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
