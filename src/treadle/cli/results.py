"""Results as people see them on a terminal."""

import json

_LONGEST_LIST = 12
_LONGEST_TEXT = 200


def outline(raw: str) -> str:
    """Return the JSON text of a result so that it fits a screen.

    Tuples, bytes and the like are shown plainly; objects of Qiskit and NumPy, which the text holds encoded, are named by
    type and size; long lists and texts are cut.
    """
    from qiskit_serverless.wire import reduce_for_runtime_client

    return json.dumps(_shortened(json.loads(reduce_for_runtime_client(raw))), indent=2, ensure_ascii=False)


def _shortened(value: object) -> object:
    if isinstance(value, dict):
        return _shortened_object(value)
    if isinstance(value, list):
        return _shortened_list(value)
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[:_LONGEST_TEXT]}... ({len(value)} characters)"
    return value


def _shortened_object(value: dict[str, object]) -> object:
    if "__type__" in value:
        return f"<{value['__type__']}, {len(json.dumps(value)):,} bytes>"
    return {key: _shortened(item) for key, item in value.items()}


def _shortened_list(value: list[object]) -> list[object]:
    shown = [_shortened(item) for item in value[:_LONGEST_LIST]]
    more = len(value) - len(shown)
    return [*shown, f"... {more} more"] if more else shown
