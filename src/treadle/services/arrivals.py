"""Arguments and results as they arrive: looked at while they are stored, never held."""

import codecs
from collections.abc import AsyncIterable, AsyncIterator

from qiskit_serverless.exceptions import SerializationError
from qiskit_serverless.serialization.container import MAGIC, PREAMBLE_SIZE, Preamble, parse_index
from treadle.domain.errors import InvalidError, TooLargeError
from treadle.ports.objects import StoredObject


class Arrival:
    """A value that arrives: JSON text, or a container, whose index is read to see that it is whole and what it will unpack to."""

    def __init__(self, what: str, largest: int, largest_text: int) -> None:
        """Prepare.

        Args:
            what: What it is, in error messages.
            largest: Most bytes of a container, as it is and unpacked.
            largest_text: Most bytes of JSON text, also of a container's head.
        """
        self._what = what
        self._largest = largest
        self._largest_text = largest_text
        self._received = 0
        self._beginning: bytearray | None = bytearray()
        self._preamble: Preamble | None = None
        self._text: codecs.IncrementalDecoder | None = None

    async def checked(self, blocks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield the blocks of the value.

        Raises:
            TooLargeError: It is larger than is allowed.
            InvalidError: It is neither text nor a container, or not a whole one.
        """
        try:
            async for block in blocks:
                self._take(block)
                yield block
            self._end()
        except (SerializationError, UnicodeDecodeError) as error:
            raise InvalidError(f"The {self._what} cannot be stored: {error}") from error

    async def check(self, stored: StoredObject) -> None:
        """Look at a value that lies in the store already: at all of a text, at the index of a container.

        Raises:
            TooLargeError: It is larger than is allowed.
            InvalidError: It is neither text nor a container, or not a whole one.
        """
        self._check_size(stored.size, self._largest)
        async for _ in self.checked(self._telling(stored)):
            pass

    async def _telling(self, stored: StoredObject) -> AsyncIterator[bytes]:
        """Yield what there is to be looked at."""
        async for block in stored.blocks():
            yield block
            if self._preamble is not None and self._beginning is None:
                self._received = stored.size
                return

    def _take(self, block: bytes) -> None:
        self._received += len(block)
        if self._beginning is not None:
            self._beginning += block
            self._look_at(self._beginning)
        elif self._text is not None:
            self._text.decode(block)
        self._check_size(self._received, self._largest if self._text is None else self._largest_text)

    def _look_at(self, beginning: bytearray) -> None:
        """Find out what it is; of a container, read the index as soon as it is here."""
        if not MAGIC.startswith(beginning[: len(MAGIC)]):
            self._beginning, self._text = None, codecs.getincrementaldecoder("utf-8")()
            self._text.decode(bytes(beginning))
            return
        if self._preamble is None and len(beginning) >= PREAMBLE_SIZE:
            self._preamble = Preamble.parse(beginning)
        end = PREAMBLE_SIZE + (self._preamble.index_size if self._preamble else 0)
        if self._preamble is not None and len(beginning) >= end:
            parts = parse_index(self._preamble, bytes(beginning[PREAMBLE_SIZE:end]))
            self._check_size(sum(part.size for part in parts), self._largest)
            self._check_size(parts[0].size, self._largest_text)  # the head is JSON: it is held where it is read
            self._beginning = None

    def _check_size(self, size: int, largest: int) -> None:
        if size > largest:
            raise TooLargeError(
                f"The {self._what} has {size} bytes or more, and this platform takes {largest} at most."
            )

    def _end(self) -> None:
        if self._text is not None:
            self._text.decode(b"", final=True)
        elif self._beginning is not None or self._preamble is None or self._preamble.size != self._received:
            raise SerializationError("It is only the beginning of a container, or more than one.")
