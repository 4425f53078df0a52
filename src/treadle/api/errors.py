"""Errors as answers. One shape, ``{"message": text}``; the contract has ``{"detail": text}`` for a missing or wrong token.

Clients of today print all values of the object, so it holds nothing that people should not read.
"""

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from treadle.api.answers import JsonAnswer
from treadle.api.paths import allowed_methods
from treadle.domain.errors import TreadleError, UnauthenticatedError

logger = logging.getLogger(__name__)

_DATETIME_FORMAT = (
    "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
)
_TEXTS = {
    "missing": "This field is required.",
    "string_type": "Not a valid string.",
    "string_unicode": "Not a valid string.",
    "int_parsing": "A valid integer is required.",
    "int_type": "A valid integer is required.",
    "int_from_float": "A valid integer is required.",
    "bool_parsing": "Must be a valid boolean.",
    "bool_type": "Must be a valid boolean.",
    "greater_than_equal": "Ensure this value is greater than or equal to {ge}.",
    "less_than_equal": "Ensure this value is less than or equal to {le}.",
    "string_too_long": "Ensure this field has no more than {max_length} characters.",
    "string_too_short": "This field may not be blank.",
    "model_type": "Invalid data. Expected a dictionary, but got something else.",
    "dict_type": "Invalid data. Expected a dictionary, but got something else.",
    "literal_error": '"{input}" is not a valid choice.',
    "enum": '"{input}" is not a valid choice.',
    "value_error": "{error}",
}


def install(app: FastAPI) -> None:
    """Let `app` answer errors in the shapes of the contract."""
    app.add_exception_handler(TreadleError, _on_treadle_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(ValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_fault)


async def _on_treadle_error(_: Request, error: Exception) -> JsonAnswer:
    assert isinstance(error, TreadleError)  # noqa: S101  (the handler is installed for this class)
    message = f"{error} {error.hint}".strip()
    if isinstance(error, UnauthenticatedError):
        return JsonAnswer({"detail": message}, error.http_status, {"WWW-Authenticate": "Bearer"})
    if error.http_status >= 500:
        logger.warning("answered %d: %s", error.http_status, message)
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else None
    return JsonAnswer({"message": message, **error.extra}, error.http_status, headers)


async def _on_validation_error(_: Request, error: Exception) -> JsonAnswer:
    assert isinstance(error, RequestValidationError | ValidationError)  # noqa: S101  (installed for these)
    first = error.errors()[0]
    match first["loc"][:2]:
        case ("path", "job_id"):
            return JsonAnswer({"message": f"Job [{first['input']}] not found"}, 404)
        case ("path", "function_id"):
            return JsonAnswer({"message": f"Qiskit Function {first['input']} doesn't exist."}, 404)
    return JsonAnswer({"message": first_message(error.errors())}, 400)


async def _on_http_exception(request: Request, error: Exception) -> JsonAnswer:
    assert isinstance(error, HTTPException)  # noqa: S101  (installed for this)
    path = request.scope["path"]
    match error.status_code:
        case 404:
            return _on_unknown_path(request, path)
        case 405:
            allow = ", ".join(allowed_methods(request.app, path))
            words = f'Method "{request.method}" not allowed. {path} takes {allow}.'
            return JsonAnswer({"message": words}, 405, {"Allow": allow})
    return JsonAnswer({"message": error.detail}, error.status_code, error.headers)


def _on_unknown_path(request: Request, path: str) -> JsonAnswer:
    if allowed_methods(request.app, f"{path}/"):
        query = request.scope["query_string"].decode("latin-1")
        target = f"{path}/?{query}" if query else f"{path}/"
        return JsonAnswer({"message": f"This is at {path}/."}, 301, {"Location": target})
    return JsonAnswer({"message": f"There is nothing at {path}."}, 404)


async def _on_disconnect(_: Request, error: Exception) -> JsonAnswer:
    """Answer a client that hung up before it had sent all: nobody hears it, and it is no fault of ours to be logged."""
    return JsonAnswer({"message": "The request was not sent to its end."}, 400)


async def _on_fault(_: Request, error: Exception) -> JsonAnswer:
    """Answer a fault of ours; the server logs it."""
    return JsonAnswer({"message": "Internal server error"}, 500)


def first_message(errors: Sequence[Any]) -> str:
    """Return the text for the first of pydantic's errors, as the contract words it."""
    first = errors[0]
    kind = first["type"]
    if kind.startswith(("datetime", "timezone")):
        return _DATETIME_FORMAT
    if kind.endswith("_type") and first.get("input") is None:
        return "This field may not be null."
    text = _TEXTS.get(kind)
    if text is None:
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return text.format(**{**first.get("ctx", {}), "input": first.get("input")})
