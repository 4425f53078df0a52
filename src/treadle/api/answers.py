"""Answers in JSON."""

import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

from fastapi.responses import JSONResponse, StreamingResponse


class JsonAnswer(JSONResponse):
    """JSON in UTF-8 of whatever text: what UTF-8 cannot carry (half of a surrogate pair) is escaped, as JSON does (RFC 8259)."""

    def render(self, content: object) -> bytes:
        """Return the body."""
        return _encoded(json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def text_answer(document: dict[str, Any], name: str, pieces: AsyncIterator[str]) -> StreamingResponse:
    """Return an answer in JSON with a text that may be larger than memory.

    Args:
        document: What else the answer holds.
        name: Where the text stands in it.
        pieces: The text.
    """
    return StreamingResponse(_around(document, name, pieces), media_type="application/json")


async def _around(document: dict[str, Any], name: str, pieces: AsyncIterator[str]) -> AsyncIterator[bytes]:
    mark = secrets.token_hex(16)  # nobody can have written it
    before, _, after = bytes(JsonAnswer({**document, name: mark}).body).partition(mark.encode())
    yield before
    async for piece in pieces:
        yield _encoded(json.dumps(piece, ensure_ascii=False)[1:-1])
    yield after


def _encoded(text: str) -> bytes:
    return text.encode(errors="backslashreplace")
