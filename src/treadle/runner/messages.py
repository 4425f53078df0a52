"""What a program tells its supervisor over ``TREADLE_REPORT_FD``: one JSON object per datagram.

A program can send what it likes there, so all is checked here.
"""

import json
from collections.abc import Mapping
from typing import Any

from treadle.domain.outcome import Failure

LARGEST = 256 * 1024
_LONGEST_NAME = 300
_LONGEST_MESSAGE = 3_000
_LONGEST_TRACEBACK = 12_000


def stage_or_failure(datagram: bytes) -> str | Failure | None:
    """Return the stage or the failure that a datagram tells of, or None if it makes no sense."""
    try:
        fields = json.loads(datagram)
    except (ValueError, RecursionError):
        return None
    match fields:
        case {"type": "status", "sub_status": str(stage)}:
            return stage[:_LONGEST_NAME]
        case {"type": "failure", "failure": dict(failure)}:
            return _failure(failure)
    return None


def failure_message(failure: Failure) -> bytes:
    """Return the datagram that tells of a failure; small enough for a socket's buffer whatever its texts hold."""
    fields = {
        "type": failure.type[:_LONGEST_NAME],
        "message": shortened(failure.message, _LONGEST_MESSAGE),
        "file": failure.file and failure.file[-_LONGEST_NAME:],
        "line": failure.line,
        "traceback": shortened(failure.traceback, _LONGEST_TRACEBACK),
        "details": failure.details,
    }
    return json.dumps({"type": "failure", "failure": fields}).encode()


def shortened(text: str, length: int) -> str:
    """Return a text of at most about `length` characters, with its middle left out if it is longer."""
    if len(text) <= length:
        return text
    return f"{text[: length // 2]}\n[... {len(text) - length} characters left out ...]\n{text[-(length // 2) :]}"


def _failure(fields: Mapping[str, Any]) -> Failure:
    file, line, details = fields.get("file"), fields.get("line"), fields.get("details")
    return Failure(
        type=str(fields.get("type", ""))[:_LONGEST_NAME],
        message=str(fields.get("message", ""))[: 2 * _LONGEST_MESSAGE],
        file=file[-_LONGEST_NAME:] if isinstance(file, str) else None,
        line=line if isinstance(line, int) else None,
        traceback=str(fields.get("traceback", ""))[: 2 * _LONGEST_TRACEBACK],
        details=_details(details) if isinstance(details, dict) else {},
    )


def _details(details: Mapping[str, Any]) -> dict[str, Any]:
    texts = {
        name: details[name][:_LONGEST_NAME] for name in ("module", "path", "code") if isinstance(details.get(name), str)
    }
    number = details.get("errno")
    return {**texts, "errno": number} if isinstance(number, int) else {**texts}
