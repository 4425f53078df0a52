"""Pure ASGI middleware."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qiskit_serverless.serialization.container import MEDIA_TYPE
from treadle.api.answers import JsonAnswer
from treadle.domain.errors import TooLargeError

_FILES = "/api/v1/files/"
_UPLOADS = frozenset({f"{_FILES}upload/", f"{_FILES}provider/upload/"})
_FORM_AROUND_A_FILE = 2**20  # bytes for boundaries, headers and other fields
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

OFFERED = ("application/json", "text/html", "text/event-stream", "application/octet-stream")
"""Media types a client may ask for: answers are JSON (also for browsers, which ask for HTML), streams of events, or bytes.
Files are of any type."""


class TrailingSlash:
    """Makes ``/api/...`` with and without a slash at its end the same, without a redirect: a redirect would lose POST bodies."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Append the slash, then go on."""
        if scope["type"] == "http" and scope["path"].startswith("/api") and not scope["path"].endswith("/"):
            scope["path"] += "/"
        await self._app(scope, receive, send)


class SecurityHeaders:
    """Adds to every answer what tells browsers to do nothing with it but show it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on with a `send` that adds the headers."""

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_SECURITY_HEADERS)
            await send(message)

        await self._app(scope, receive, adding)


class Negotiation:
    """Refuses requests to the API for a kind of answer that it does not have."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 406, or go on."""
        path = scope.get("path", "")
        if not path.startswith("/api/") or path.startswith(_FILES) or acceptable(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        answer = JsonAnswer({"detail": "Could not satisfy the request Accept header."}, 406)
        await answer(scope, receive, send)


def acceptable(headers: Headers) -> bool:
    """Return whether a client takes one of the media types in `OFFERED` (RFC 9110, section 12.5.1)."""
    ranges = ",".join(headers.getlist("accept")).split(",")
    names = [name for each in ranges if (name := each.partition(";")[0].strip().lower())]
    return not names or any(_covers(name, offered) for name in names for offered in OFFERED)


def _covers(media_range: str, media_type: str) -> bool:
    return media_range in ("*/*", "*", media_type, media_type.partition("/")[0] + "/*")


class BodyLimit:
    """Refuses requests with larger bodies than the platform takes, while they are read.

    Files have a limit of their own. Values are looked at as they arrive; what takes them in has their limits.
    """

    def __init__(self, app: ASGIApp, largest: int, largest_file: int) -> None:
        self._app = app
        self._largest = largest
        self._largest_form = largest_file + _FORM_AROUND_A_FILE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on with a `receive` that counts."""
        if _is_value(scope):
            await self._app(scope, receive, send)
            return
        received = 0
        largest = self._largest_form if _is_file(scope) else self._largest

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > largest:
                raise TooLargeError(f"The request is larger than {largest} bytes, the most this platform takes.")
            return message

        await self._app(scope, counting, send)


def _is_file(scope: Scope) -> bool:
    """Return whether the body of a request is a file, or a form around one."""
    path = scope.get("path", "")
    return path in _UPLOADS or (path.startswith("/api/runner/") and path.endswith("/content/"))


def _is_value(scope: Scope) -> bool:
    """Return whether the body of a request is a result, or a container of arguments."""
    path = scope.get("path", "")
    if path.startswith("/api/runner/") and path.endswith("/result/"):
        return True
    return bool(path == "/api/v1/programs/run/" and Headers(scope=scope).get("content-type") == MEDIA_TYPE)
