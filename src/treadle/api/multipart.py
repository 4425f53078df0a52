"""Multipart bodies whose file is stored while it comes in: never more than one chunk of it is in memory."""

from collections.abc import AsyncIterator

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from treadle.domain.errors import InvalidError

_NO_FILE = "A file should be uploaded."


class FileUpload:
    """The first part called ``file`` of a multipart body. What else the body holds is read over.

    Attributes:
        filename: What the sender calls the file.
    """

    def __init__(self, request: Request) -> None:
        """Look at a request; nothing of its body is read yet."""
        kind, options = parse_options_header(request.headers.get("content-type"))
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise InvalidError(_NO_FILE)
        self.filename = ""
        self._chunks = aiter(request.stream())
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        self._found = False
        self._in_file = False
        self._complete = False
        self._pending: list[bytes] = []
        self._parser = _parser(boundary, self)

    async def begin(self) -> None:
        """Read up to the file.

        Raises:
            InvalidError: There is none.
        """
        while not self._found and await self._read():
            pass
        if not self._found:
            raise InvalidError(_NO_FILE)

    async def content(self) -> AsyncIterator[bytes]:
        """Yield the content of the file, and read the body to its end.

        Raises:
            InvalidError: The body is cut off, or is not multipart.
        """
        more = True
        while more:
            for chunk in self._pending:
                yield chunk
            self._pending.clear()
            more = await self._read()
        if not self._complete:
            raise InvalidError("Form parse error - the body ends before its last boundary.")

    async def _read(self) -> bool:
        """Parse the next chunk of the body. Returns False at its end."""
        chunk = await anext(self._chunks, None)
        if chunk is None:
            return False
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise InvalidError(f"Form parse error - {error}") from error
        return True

    # What the parser calls

    def on_part_begin(self) -> None:
        """A part begins."""
        self._disposition = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """A piece of the name of a header."""
        self._header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """A piece of the value of a header."""
        self._header_value += data[start:end]

    def on_header_end(self) -> None:
        """A header is complete."""
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def on_headers_finished(self) -> None:
        """The headers of a part are complete."""
        _, options = parse_options_header(self._disposition)
        self._in_file = not self._found and options.get(b"name") == b"file" and b"filename" in options
        if self._in_file:
            self._found = True
            self.filename = options[b"filename"].decode(errors="replace")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """A piece of the content of a part."""
        if self._in_file:
            self._pending.append(data[start:end])

    def on_part_end(self) -> None:
        """A part is complete."""
        self._in_file = False

    def on_end(self) -> None:
        """The body is complete."""
        self._complete = True


def _parser(boundary: bytes, upload: FileUpload) -> MultipartParser:
    try:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": upload.on_part_begin,
                "on_header_field": upload.on_header_field,
                "on_header_value": upload.on_header_value,
                "on_header_end": upload.on_header_end,
                "on_headers_finished": upload.on_headers_finished,
                "on_part_data": upload.on_part_data,
                "on_part_end": upload.on_part_end,
                "on_end": upload.on_end,
            },
        )
    except FormParserError as error:
        raise InvalidError(f"Form parse error - {error}") from error
