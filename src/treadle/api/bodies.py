"""Request bodies: every endpoint takes JSON, a form, or multipart alike."""

from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, BeforeValidator
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from treadle.domain.errors import InvalidError

Body = TypeVar("Body", bound=BaseModel)

_LARGEST_FORM_FIELD = 256 * 1024 * 1024


def _tar_content(value: object) -> object:
    if not isinstance(value, UploadFile):
        return value
    stem, _, extension = (value.filename or "").rpartition(".")
    if not stem or extension != "tar":
        raise ValueError(f"File extension “{extension}” is not allowed. Allowed extensions are: tar.")
    return value.file.read()


TarContent = Annotated[bytes, BeforeValidator(_tar_content)]
"""The content of a file part whose name ends in ``.tar``."""


async def read_body(request: Request, model: type[Body]) -> Body:
    """Return the body of a request as a `model`.

    Raises:
        InvalidError: It cannot be parsed, or is not an object.
        pydantic.ValidationError: A field is missing or has the wrong type.
    """
    return model.model_validate(await _fields(request))


async def _fields(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return await _form_fields(request)
    if not await request.body():
        return {}
    try:
        fields = await request.json()
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"JSON parse error - {error}") from error
    if not isinstance(fields, dict):
        raise InvalidError("Invalid data. Expected a dictionary, but got something else.")
    return fields


async def _form_fields(request: Request) -> dict[str, Any]:
    try:
        return dict(await request.form(max_part_size=_LARGEST_FORM_FIELD))
    except HTTPException as error:
        raise InvalidError(f"Form parse error - {error.detail}") from error


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """Return what tells the OpenAPI document that a route reads its body with `read_body`."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    kinds = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}
