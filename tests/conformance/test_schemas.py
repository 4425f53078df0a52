"""What every evaluator of schemas must say, and survive."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from treadle.adapters.schemas.worker_process import WorkerSchemas
from treadle.domain.errors import InvalidError
from treadle.ports.schemas import ArgumentSchemas

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["worker processes"])
async def schemas(anyio_backend: str) -> AsyncIterator[ArgumentSchemas]:
    """An evaluator with the smallest limits."""
    workers = WorkerSchemas(cpu_seconds=1, memory_mb=64)
    yield workers
    await workers.close()


async def refused(schemas: ArgumentSchemas, schema: Any, arguments: str | None = None) -> tuple[str, Any]:
    """Return for what reason, and for which place in the arguments, a schema or its arguments are refused."""
    text = schema if isinstance(schema, str) else json.dumps(schema)
    with pytest.raises(InvalidError) as caught:
        await (schemas.check(text) if arguments is None else schemas.validate(text, arguments))
    return str(caught.value), caught.value.extra.get("path")


async def test_a_schema_of_each_draft_can_be_used(schemas: ArgumentSchemas) -> None:
    drafts = [f"http://json-schema.org/draft-0{number}/schema#" for number in (4, 6, 7)]
    drafts += [f"https://json-schema.org/draft/{name}/schema" for name in ("2019-09", "2020-12")]
    for draft in drafts:
        schema = json.dumps({"$schema": draft, "type": "object", "properties": {"a": {"type": "integer"}}})
        await schemas.check(schema)
        await schemas.validate(schema, '{"a": 1}')
        assert (await refused(schemas, schema, '{"a": "1"}'))[1] == ["a"]
    await schemas.check("true")
    await schemas.validate('{"prefixItems": [{"type": "integer"}]}', "[1]")  # the newest draft without being asked


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("{", "it must be valid JSON."),
        ("NaN", "it must be valid JSON."),
        ("[" * 20_000, "it must be valid JSON."),
        ("5", "a JSON Schema must be an object or a boolean, not int."),
        ('"x"', "a JSON Schema must be an object or a boolean, not str."),
        (
            {"type": 5},
            "it is not a valid JSON Schema: 5 is not valid under any of the schemas listed in the 'anyOf' keyword",
        ),
        (
            {"$schema": "https://example.com/s"},
            "it is not a valid JSON Schema: Unknown meta-schema: 'https://example.com/s'.",
        ),
        (
            {"$ref": "https://example.com/s"},
            "it must not reference external resources: 'https://example.com/s'. "
            "Inline the definitions or use an internal reference such as '#/$defs/name'.",
        ),
        (
            {"$defs": {"a": {"$ref": "file:///etc/passwd"}}},
            "it must not reference external resources: 'file:///etc/passwd'.",
        ),
        ({"$ref": "other.json"}, "it must not reference external resources: 'other.json'."),
        ({"$ref": "#/$defs/none"}, "it contains a reference that does not resolve: '#/$defs/none'."),
        ({"$defs": {"a": {"$ref": "#/$defs/none"}}}, "it contains a reference that does not resolve: '#/$defs/none'."),
        ({"$ref": "#none"}, "it contains a reference that does not resolve: '#none'."),
        ('{"not":' * 70 + "{}" + "}" * 70, "it is nested deeper than the maximum of 64 levels."),
        ({"allOf": [True] * 200}, "it has more subschemas than the maximum of 200."),
    ],
)
async def test_the_words_for_a_schema_that_cannot_be_used(schemas: ArgumentSchemas, schema: Any, words: str) -> None:
    assert (await refused(schemas, schema))[0].startswith(f"arguments_schema cannot be used: {words}")


async def test_references_inside_the_document_are_followed(schemas: ArgumentSchemas) -> None:
    schema = {
        "$defs": {"a/b~c": {"type": "integer"}, "named": {"$anchor": "here", "type": "string"}},
        "properties": {"n": {"$ref": "#/$defs/a~1b~0c"}, "s": {"$ref": "#here"}, "self": {"$ref": "#"}},
    }
    await schemas.check(json.dumps(schema))
    words, path = await refused(schemas, schema, '{"self": {"self": {"n": "x"}}}')
    assert words == """'type' validation failed, schema requires "integer": rejected value "x\""""
    assert path == ["self", "self", "n"]
    bundled = {"$defs": {"q": {"$id": "https://example.com/q", "minimum": 3}}, "$ref": "https://example.com/q"}
    await schemas.check(json.dumps(bundled))
    assert (await refused(schemas, bundled, "1"))[0].startswith("'minimum' validation failed")


@pytest.mark.parametrize(
    ("schema", "arguments", "words", "path"),
    [
        ("false", "1", "'false' validation failed, schema requires false: rejected value 1", []),
        (
            {"properties": {"a": False}},
            '{"a": 1}',
            "'false' validation failed, schema requires false: rejected value 1",
            ["a"],
        ),
        ({"required": ["a"]}, "{}", """'required' validation failed, schema requires ["a"]: rejected value {}""", []),
        (
            {"properties": {"a": {"items": {"maximum": 1}}}},
            '{"a": [0, 2]}',
            "'maximum' validation failed, schema requires 1: rejected value 2",
            ["a", 1],
        ),
        (
            {},
            "{",
            "arguments is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2",
            [],
        ),
        ({}, "Infinity", "arguments is not valid JSON: Infinity is not JSON", []),
        ({}, "[" * 65 + "]" * 65, "arguments is nested deeper than the maximum of 64 levels.", []),
        ({}, f'"{"x" * 2**20}"', "arguments is 1048578 characters long and the maximum is 1048576.", []),
        ({"type": 5}, "1", "the function arguments schema cannot be used: it is not a valid JSON Schema: ", []),
    ],
)
async def test_the_words_for_arguments_that_do_not_match(
    schemas: ArgumentSchemas, schema: Any, arguments: str, words: str, path: list[Any]
) -> None:
    said, place = await refused(schemas, schema, arguments)
    assert said.startswith(words)
    assert place == path


async def test_what_is_quoted_is_cut(schemas: ArgumentSchemas) -> None:
    words, _ = await refused(schemas, {"enum": ["y" * 500]}, json.dumps("x" * 500))
    assert words.partition(": rejected value ")[2] == '"' + "x" * 148 + "…"
    assert len(words) <= 500


async def test_the_error_nearest_to_the_top_is_told(schemas: ArgumentSchemas) -> None:
    schema = {"properties": {"a": {"properties": {"b": {"type": "null"}}}, "z": {"type": "null"}}}
    assert (await refused(schemas, schema, '{"a": {"b": 1}, "z": 1}'))[1] == ["z"]


@pytest.mark.parametrize("name", ["date", "email", "idn-email", "ipv4", "ipv6", "uuid"])
async def test_some_formats_are_asserted(schemas: ArgumentSchemas, name: str) -> None:
    assert (await refused(schemas, {"format": name}, '"x"'))[0].startswith("'format' validation failed")


@pytest.mark.parametrize(
    "name", ["date-time", "time", "duration", "uri", "hostname", "regex", "json-pointer", "colour"]
)
async def test_other_formats_are_notes_to_the_reader(schemas: ArgumentSchemas, name: str) -> None:
    await schemas.validate(json.dumps({"format": name}), '"( x"')


def exploding(levels: int) -> str:
    """Return a schema that takes twice as long, or as much, for each level."""
    definitions = {f"d{level}": {"anyOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(levels)}
    return json.dumps({"$defs": {**definitions, f"d{levels}": {"type": "string"}}, "$ref": "#/$defs/d0"})


async def test_a_schema_that_takes_too_much_is_refused_and_harms_nobody(schemas: ArgumentSchemas) -> None:
    words, path = await refused(schemas, exploding(40), "1")
    assert words == (
        "arguments cannot be checked: the function's arguments schema needs more than the limit of "
        "1 s of CPU time and 64 MB of memory."
    )
    assert path == []
    await schemas.validate('{"type": "integer"}', "1")


async def test_a_caller_who_leaves_does_not_leave_an_answer_to_the_next_one(schemas: ArgumentSchemas) -> None:
    for _ in range(3):
        asking = asyncio.create_task(schemas.validate("false", "1"))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    await schemas.validate("true", "1")
    answers = await asyncio.gather(*(refused(schemas, {"const": n}, "-1") for n in range(20)))
    assert [words.split(":")[0][-2:].strip() for words, _ in answers] == [str(n) for n in range(20)]
