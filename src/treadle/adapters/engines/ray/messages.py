"""What a dispatcher and its Ray driver say to each other: a JSON object per line, over a socket pair.

* to the driver: ``{"id": number, "call": name, "arguments": [...]}``, any number at once;
* to the dispatcher: ``{"id": number, "value": ...}`` or ``{"id": number, "error": {"type", "message", "hint"}}`` as the answer,
  ``{"exited": [job id, attempt]}`` when a supervisor has ended, and at first ``{"connected": true}`` or ``{"failed": error}``.
"""

import json
from typing import Any

from treadle.domain.errors import (
    BuilderUnavailableError,
    BuildFailedError,
    EngineUnavailableError,
    EnvironmentUnusableError,
    TreadleError,
)

LONGEST_LINE = 2**26  # bytes; a launch holds the variables of a job
ERRORS: dict[str, type[TreadleError]] = {
    error.__name__: error
    for error in (EngineUnavailableError, EnvironmentUnusableError, BuilderUnavailableError, BuildFailedError)
}


def line(message: dict[str, Any]) -> bytes:
    """Return the line that carries a message."""
    return json.dumps(message).encode() + b"\n"


def error_document(error: TreadleError) -> dict[str, str]:
    """Return what is said of an error."""
    log = {"log": error.log} if isinstance(error, BuildFailedError) else {}
    return {"type": type(error).__name__, "message": str(error), "hint": error.hint, **log}


def error_of(document: dict[str, str]) -> TreadleError:
    """Return the error that `error_document` described."""
    if "log" in document:
        return BuildFailedError(document["message"], hint=document["hint"], log=document["log"])
    return ERRORS[document["type"]](document["message"], hint=document["hint"])
