"""From the exception that ended a program to the facts the platform shows."""

import os
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

from qiskit_serverless.exceptions import SerializationError, ServerlessError
from treadle.domain.outcome import Failure


def describe(error: BaseException, trace: TracebackType | None, work: Path) -> Failure:
    """Return the facts of an exception.

    Args:
        error: The exception.
        trace: Its traceback, without frames of the platform.
        work: The program's working directory; the user's code lies there.
    """
    told = traceback.TracebackException(type(error), error, trace)
    file, line = _place(error, trace, work)
    return Failure(
        type=_type_name(type(error)),
        message=str(told),  # unlike str(error), this cannot fail
        file=file,
        line=line,
        traceback="".join(told.format()),
        details=_details(error),
    )


def without_frames_of(source: str, trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames of a source file at its start."""
    while trace is not None and trace.tb_frame.f_code.co_filename == source:
        trace = trace.tb_next
    return trace


def _type_name(kind: type[BaseException]) -> str:
    known = kind.__module__ in ("builtins", "__main__")
    return kind.__qualname__ if known else f"{kind.__module__}.{kind.__qualname__}"


def _place(error: BaseException, trace: TracebackType | None, work: Path) -> tuple[str | None, int | None]:
    """Return the innermost place in the user's code, or the innermost at all."""
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(trace)]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno or 0))
    if not places:
        return None, None
    inside = [place for place in places if Path(place[0]).is_relative_to(work)]
    file, line = (inside or places)[-1]
    return (os.path.relpath(file, work) if inside else file), line


def _details(error: BaseException) -> dict[str, Any]:
    """Return what the exception itself carries and the diagnosis of `treadle.domain.causes` needs."""
    details: dict[str, Any] = {}
    if isinstance(error, ModuleNotFoundError) and error.name:
        details["module"] = str(error.name)
    if isinstance(error, OSError) and isinstance(error.errno, int):  # whoever raises it may put anything there
        details["errno"] = error.errno
    if isinstance(error, ServerlessError):
        details["code"] = str(error.code)
    if isinstance(error, SerializationError) and error.path:  # else it is about a value that was read
        details["path"] = error.path
    return details
