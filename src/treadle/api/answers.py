"""Answers in JSON."""

import json

from fastapi.responses import JSONResponse


class JsonAnswer(JSONResponse):
    """JSON in UTF-8 of whatever text: what UTF-8 cannot carry (half of a surrogate pair) is escaped, as JSON does (RFC 8259)."""

    def render(self, content: object) -> bytes:
        """Return the body."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode(errors="backslashreplace")
