"""Evaluates JSON Schemas in a process that may be killed for it."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeAlias
from urllib.parse import unquote

import jsonschema_rs
from jsonschema_rs import ValidationError, ValidationErrorKind, Validator

Json: TypeAlias = Any
"""A value read from JSON."""

_DEEPEST = 64
_MOST_SUBSCHEMAS = 200
_LONGEST_MESSAGE = 500
_LONGEST_VALUE = 150
_MOST_ERRORS = 100  # looked at to find the one that says most
_NOTED_FORMATS = [  # all but date, email, idn-email, ipv4, ipv6 and uuid, which are asserted
    "date-time",
    "duration",
    "hostname",
    "idn-hostname",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
]
_MAPS_OF_SCHEMAS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class UnusableSchemaError(Exception):
    """A schema cannot be used; its text is the reason."""


class MismatchError(Exception):
    """Arguments do not match.

    Attributes:
        path: Where in the arguments the value is that does not match.
    """

    def __init__(self, message: str, path: list[str | int]) -> None:
        super().__init__(message)
        self.path = path


def prepared(text: str) -> Validator:
    """Return what validates against a schema.

    Args:
        text: JSON text of the schema.

    Raises:
        UnusableSchemaError: It cannot be used.
    """
    schema = _parsed_schema(text)
    _check_size(schema)
    _check_pointers(schema)
    try:
        return jsonschema_rs.validator_for(
            schema, validate_formats=True, formats=dict.fromkeys(_NOTED_FORMATS, _accept), offline=True
        )
    except ValidationError as error:
        raise UnusableSchemaError(_reason(error)) from error


def check_arguments(schema: str, arguments: str) -> None:
    """Check arguments against a schema.

    Raises:
        MismatchError: They do not match, or cannot be checked.
    """
    try:
        validator = prepared(schema)
    except UnusableSchemaError as error:
        raise MismatchError(f"the function arguments schema cannot be used: {error}", []) from error
    value = _parsed_arguments(arguments)
    errors = list(islice(validator.iter_errors(value), _MOST_ERRORS))
    if errors:
        first = min(errors, key=lambda error: len(error.instance_path))
        raise MismatchError(_shortened(_mismatch(first, json.loads(schema)), _LONGEST_MESSAGE), first.instance_path)


def _accept(_: str) -> bool:
    """Let a format be a note to the reader, as JSON Schema has it by default."""
    return True


def _parsed_schema(text: str) -> Json:
    try:
        schema = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UnusableSchemaError("it must be valid JSON.") from error
    if not isinstance(schema, dict | bool):
        raise UnusableSchemaError(f"a JSON Schema must be an object or a boolean, not {type(schema).__name__}.")
    return schema


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _parsed_arguments(text: str) -> Json:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise MismatchError(_shortened(f"arguments is not valid JSON: {error}", _LONGEST_MESSAGE), []) from error
    if any(depth > _DEEPEST for depth, _ in _walk(value)):
        raise MismatchError(f"arguments is nested deeper than the maximum of {_DEEPEST} levels.", [])
    return value


def _walk(value: Json) -> Iterator[tuple[int, Any]]:
    """Yield every value inside a JSON value, itself included, with its depth from 1 for containers at the top."""
    waiting = [(1, value)]
    while waiting:
        depth, each = waiting.pop()
        inner = each.values() if isinstance(each, dict) else each if isinstance(each, list) else None
        yield (depth if inner is not None else depth - 1), each
        waiting += [(depth + 1, part) for part in inner or ()]


def _check_size(schema: Json) -> None:
    count = 0
    for depth, value in _walk(schema):
        count += isinstance(value, dict | bool)
        if depth > _DEEPEST:
            raise UnusableSchemaError(f"it is nested deeper than the maximum of {_DEEPEST} levels.")
        if count > _MOST_SUBSCHEMAS:
            raise UnusableSchemaError(f"it has more subschemas than the maximum of {_MOST_SUBSCHEMAS}.")


def _check_pointers(schema: Json) -> None:
    """Check that pointers lead somewhere, also those that no other part of the schema leads to."""
    objects = [value for _, value in _walk(schema) if isinstance(value, dict)]
    if any("$id" in each for each in objects if each is not schema):
        return  # pointers count from the nearest $id: the library sees to them
    pointers = [each[name] for each in objects for name in _REFERENCES if isinstance(each.get(name), str)]
    for pointer in pointers:
        if pointer.startswith("#/") and not _leads_somewhere(schema, pointer):
            raise UnusableSchemaError(_unresolved(pointer))


def _leads_somewhere(schema: Json, pointer: str) -> bool:
    """Return whether a JSON pointer in URI form (RFC 6901, section 6) names a part of the schema."""
    place = schema
    for token in unquote(pointer).split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(place, dict) and name in place:
            place = place[name]
        elif isinstance(place, list) and name.isdecimal() and int(name) < len(place):
            place = place[int(name)]
        else:
            return False
    return True


def _reason(error: ValidationError) -> str:
    if isinstance(error.kind, ValidationErrorKind.Referencing):
        quoted = re.search(r"'(.*?)'", error.message)
        name = quoted[1] if quoted else ""
        if error.message.startswith("Resource"):
            return (
                f"it must not reference external resources: '{_shortened(name, _LONGEST_VALUE)}'. "
                "Inline the definitions or use an internal reference such as '#/$defs/name'."
            )
        if error.message.startswith(("Pointer", "Anchor")):
            return _unresolved(f"#{name}")
    return f"it is not a valid JSON Schema: {_shortened(error.message, _LONGEST_MESSAGE)}"


def _unresolved(reference: str) -> str:
    return f"it contains a reference that does not resolve: '{_shortened(reference, _LONGEST_VALUE)}'."


def _mismatch(error: ValidationError, schema: Json) -> str:
    path = error.schema_path
    required = schema
    try:
        for part in path:
            required = required[part]
    except (KeyError, IndexError, TypeError):  # inside of a part with an $id, from which the path counts
        return f"'{_keyword(path)}' validation failed: {error.message}"
    return f"'{_keyword(path)}' validation failed, schema requires {_quoted(required)}: rejected value {_quoted(error.instance)}"


def _keyword(schema_path: list[str | int]) -> str:
    """Return the keyword at the end of a path; a schema that is ``false`` is one itself."""
    if not schema_path or (len(schema_path) > 1 and schema_path[-2] in _MAPS_OF_SCHEMAS):
        return "false"
    return str(schema_path[-1])


def _quoted(value: Json) -> str:
    return _shortened(json.dumps(value, ensure_ascii=False), _LONGEST_VALUE)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
