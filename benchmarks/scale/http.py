"""A keep-alive connection that costs its own process little, so that a load on the gateway measures the gateway."""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit


class Connection:
    """One HTTP connection, opened when it is first used and again when the server has closed it."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._head = f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def call(self, method: str, target: str, body: bytes = b"", kind: str = "application/json") -> dict[str, Any]:
        """Send a request and return the JSON of its answer.

        Raises:
            RuntimeError: The answer is not a 200.
        """
        try:
            return await self._call(method, target, body, kind)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.close()
            return await self._call(method, target, body, kind)

    async def _call(self, method: str, target: str, body: bytes, kind: str) -> dict[str, Any]:
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        head = f"{method} {target} HTTP/1.1\r\n{self._head}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = next(line for line in answer.split(b"\r\n") if line.startswith(b"content-length:"))
        content = await self._reader.readexactly(int(length.partition(b":")[2]))
        if not answer.startswith(b"http/1.1 200"):
            raise RuntimeError(f"{method} {target} is answered with {answer[9:12]!r}: {content!r}")
        return dict(json.loads(content))

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
