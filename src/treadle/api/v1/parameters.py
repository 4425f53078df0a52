"""Parameters that several routes of the contract have."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Header, Path, Query
from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

_NUMBER = re.compile(r"\s*[-+]?[\d.]+\s*")
_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

JobId = Annotated[str, Path(pattern=_UUID)]
FunctionId = Annotated[str, Path(pattern=_UUID)]
Count = Annotated[int, Query(ge=0, le=2**63 - 1)]
Encoding = Annotated[str | None, Header(alias="Treadle-Encoding")]
"""What the caller reads: see `qiskit_serverless.encodings`."""

ByLocation = Annotated[str | None, Header(alias="Treadle-Location")]
"""Given by who takes the address of a large value for the value."""

Kind = Literal["catalog", "serverless"]
"""Functions of providers, or functions without one."""


def _not_a_number(value: object) -> object:
    """Refuse seconds since 1970, which pydantic would take for a time."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        raise PydanticCustomError("datetime_parsing", "a number")
    return value


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        raise PydanticCustomError("datetime_range", "out of range") from None


Time = Annotated[datetime, BeforeValidator(_not_a_number), AfterValidator(_in_utc)]
"""A date, or a time; without a zone it is in UTC."""
