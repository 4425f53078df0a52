"""Load on one URL: several keep-alive connections that send the next request when the answer to the last has come."""

import asyncio
import time
from urllib.parse import urlsplit


async def requests_per_second(url: str, token: str, clients: int, seconds: float) -> float:
    """Return how many GET requests a second are answered with 200.

    Args:
        url: What to get.
        token: Token of the caller.
        clients: Number of connections.
        seconds: How long to load.

    Raises:
        RuntimeError: An answer is not a 200.
    """
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}"
    request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    until = time.perf_counter() + seconds
    tasks = [_client(parts.hostname or "", parts.port or 80, request, until) for _ in range(clients)]
    began = time.perf_counter()
    answered = sum(await asyncio.gather(*tasks))
    return answered / (time.perf_counter() - began)


async def _client(host: str, port: int, request: bytes, until: float) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    answered = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the answer is not a 200: {head!r}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        answered += 1
    writer.close()
    await writer.wait_closed()
    return answered
