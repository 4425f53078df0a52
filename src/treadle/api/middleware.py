"""Pure ASGI middleware."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from treadle.domain.errors import TooLargeError

_FILES = "/api/v1/files/"
_FORM_AROUND_A_FILE = 2**20  # bytes for boundaries, headers and other fields


class TrailingSlash:
    """Makes ``/api/...`` with and without a slash at its end the same, without a redirect: a redirect would lose POST bodies."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Append the slash, then go on."""
        if scope["type"] == "http" and scope["path"].startswith("/api") and not scope["path"].endswith("/"):
            scope["path"] += "/"
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses requests with larger bodies than the platform takes, while they are read. Files have a limit of their own."""

    def __init__(self, app: ASGIApp, largest: int, largest_file: int) -> None:
        self._app = app
        self._largest = largest
        self._largest_form = largest_file + _FORM_AROUND_A_FILE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on with a `receive` that counts."""
        received = 0
        largest = self._largest_form if scope.get("path", "").startswith(_FILES) else self._largest

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > largest:
                raise TooLargeError(f"The request is larger than {largest} bytes, the most this platform takes.")
            return message

        await self._app(scope, counting, send)
