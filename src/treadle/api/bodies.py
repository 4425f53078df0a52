"""Request bodies: every endpoint takes JSON, a form, or multipart alike."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from treadle.domain.errors import InvalidError, UnsupportedMediaTypeError
from treadle.domain.text import is_text

Body = TypeVar("Body", bound=BaseModel)

_LARGEST_FORM_FIELD = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    content: bytes


def _tar_content(value: object) -> object:
    if not isinstance(value, _File):
        return value
    stem, _, extension = value.name.rpartition(".")
    if not stem or extension != "tar":
        raise ValueError(f"File extension “{extension}” is not allowed. Allowed extensions are: tar.")
    return value.content


TarContent = Annotated[bytes, BeforeValidator(_tar_content)]
"""The content of a file part whose name ends in ``.tar``."""

VersionChoice = Annotated[str, Field(coerce_numbers_to_str=True, min_length=1, max_length=255)]
"""A version of a function: its number, or its author's label."""


def from_json(value: object) -> object:
    """Return what a field of a form means that holds JSON text; a field of a JSON body is that already."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Value must be valid JSON: {error}") from error


def at_most(longest: int, hint: str = "") -> BeforeValidator:
    """Return what refuses a text of more than so many characters, before anything is made of it.

    Args:
        longest: The most characters.
        hint: What to do instead.
    """

    def checked(value: object, info: ValidationInfo) -> object:
        if isinstance(value, str) and len(value) > longest:
            words = f"{info.field_name} is {len(value)} characters long and the maximum is {longest}."
            raise InvalidError(words, hint=hint)
        return value

    return BeforeValidator(checked)


Blankable = Annotated[str | None, BeforeValidator(lambda value: None if value == "" else value)]
"""Text that may be left out, or be empty in a form, which is the same."""


async def read_body(request: Request, model: type[Body]) -> Body:
    """Return the body of a request as a `model`.

    Raises:
        InvalidError: It cannot be parsed, or is not an object.
        UnsupportedMediaTypeError: It is neither JSON nor a form.
        pydantic.ValidationError: A field is missing or has the wrong type.
    """
    return _checked(await _fields(request), model)


def read_query(request: Request, model: type[Body]) -> Body:
    """Return the query of a request as a `model`.

    Raises:
        InvalidError: A parameter is no text.
        pydantic.ValidationError: A field is missing or has the wrong type.
    """
    return _checked(dict(request.query_params), model)


def media_type(request: Request) -> str:
    """Return the kind of a request's body."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _checked(fields: dict[str, Any], model: type[Body]) -> Body:
    for name, value in fields.items():
        if isinstance(value, str) and not is_text(value):
            raise InvalidError(f"{name!r} holds half of a surrogate pair (\\ud800 to \\udfff), which is not text.")
    return model.model_validate(fields)


async def _fields(request: Request) -> dict[str, Any]:
    kind = media_type(request)
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return await _form_fields(request)
    if not await request.body():
        return {}
    if kind not in ("application/json", ""):
        raise UnsupportedMediaTypeError(f'Unsupported media type "{kind}" in request.', hint="Send JSON or a form.")
    try:
        fields = await request.json()
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"JSON parse error - {error}") from error
    if not isinstance(fields, dict):
        raise InvalidError("Invalid data. Expected a dictionary, but got something else.")
    return fields


async def _form_fields(request: Request) -> dict[str, Any]:
    try:
        async with request.form(max_part_size=_LARGEST_FORM_FIELD) as form:
            return {name: await _field(part) for name, part in form.items()}
    except HTTPException as error:
        raise InvalidError(f"Form parse error - {error.detail}") from error
    except UnicodeError as error:  # a charset that decodes nothing
        raise InvalidError(f"Form parse error - {error}") from error


async def _field(part: UploadFile | str) -> _File | str:
    return part if isinstance(part, str) else _File(part.filename or "", await part.read())


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """Return what tells the OpenAPI document that a route reads its body with `read_body`."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    kinds = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}
