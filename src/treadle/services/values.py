"""Arguments and results in the object store: JSON text, or containers (docs/value-container.md)."""

import asyncio
import itertools
from collections.abc import AsyncIterable, AsyncIterator, Iterator

from qiskit_serverless.exceptions import SerializationError
from qiskit_serverless.serialization.container import MAGIC, is_container
from qiskit_serverless.wire import reduce_for_runtime_client
from treadle.domain.errors import InvalidError
from treadle.ports.objects import ObjectStore, StoredObject
from treadle.services.arrivals import Arrival
from treadle.services.json_form import JsonForm, OlderCircuits

_PIECES_AT_ONCE = 16


def arguments_key(job_id: str) -> str:
    """Return the object store's key of a job's arguments."""
    return f"arguments/{job_id}.json"


def result_key(job_id: str, attempt: int) -> str:
    """Return the object store's key of what an attempt saved as the job's result."""
    return f"results/{job_id}.{attempt}.json"


class StoredValue:
    """A value that lies in the object store.

    Attributes:
        key: Where.
        size: Its bytes there.
        mark: Differs when another value lies there.
        is_container: Whether it is a container; else it is JSON text.
    """

    def __init__(self, key: str, stored: StoredObject, is_container: bool) -> None:
        self.key = key
        self.size = stored.size
        self.mark = stored.mark
        self.is_container = is_container
        self._stored = stored

    def blocks(self) -> AsyncIterator[bytes]:
        """Yield its bytes as they lie there."""
        return self._stored.blocks()

    async def text(self) -> str:
        """Return it as JSON text. What is a container is too large for that: see `json`."""
        return b"".join([block async for block in self._stored.blocks()]).decode()

    async def json(self, *, reduced: bool, older: OlderCircuits | None = None) -> Iterator[str]:
        """Return the JSON text of a container, in pieces that are made when asked for: ask outside the event loop.

        Args:
            reduced: Whether to leave out what only our own clients know.
            older: How to write circuits for a reader with an older Qiskit; None to leave them as they are.

        Raises:
            InvalidError: The container holds no JSON.
        """
        try:
            form = await asyncio.to_thread(JsonForm, self._stored.read, reduced=reduced)
        except SerializationError as error:
            raise InvalidError(f"The value cannot be read: {error}") from error
        return form.pieces(older)

    async def has_newer_circuits(self, older: OlderCircuits) -> bool:
        """Return whether a container has circuits that would have to be written again.

        Raises:
            InvalidError: The container is damaged.
        """

        def look() -> bool:
            return JsonForm(self._stored.read, reduced=False).has_newer_circuits(older)

        try:
            return await asyncio.to_thread(look)
        except SerializationError as error:
            raise InvalidError(f"The value cannot be read: {error}") from error


class Values:
    """What keeps arguments and results."""

    def __init__(self, objects: ObjectStore, largest: int, largest_text: int) -> None:
        """Use a store.

        Args:
            objects: The store.
            largest: Most bytes of a container, as it is and unpacked.
            largest_text: Most bytes of JSON text.
        """
        self._objects = objects
        self._largest = largest
        self._largest_text = largest_text

    async def store(self, key: str, what: str, blocks: AsyncIterable[bytes]) -> None:
        """Store a value as it arrives, all or nothing.

        Args:
            key: Where.
            what: What it is, in error messages.
            blocks: The value.

        Raises:
            TooLargeError: It is larger than is allowed.
            InvalidError: It is neither text nor a whole container.
            StorageError: The store refuses to write.
        """
        await self._objects.put_stream(key, Arrival(what, self._largest, self._largest_text).checked(blocks))

    async def check(self, key: str, what: str) -> None:
        """See that what the key holds is a value, as `store` does of one that arrives.

        Raises:
            TooLargeError: It is larger than is allowed.
            InvalidError: It is neither text nor a whole container, or is not there.
        """
        stored = await self._objects.open(key)
        if stored is None:
            raise InvalidError(f"The {what} is not there.", hint="Upload it again.")
        await Arrival(what, self._largest, self._largest_text).check(stored)

    async def store_reduced(self, key: str, value: StoredValue) -> None:
        """Store the JSON text of a value without what only our own clients know.

        Raises:
            InvalidError: The value is damaged.
            StorageError: The store refuses to write.
        """
        if not value.is_container:
            text = await asyncio.to_thread(reduce_for_runtime_client, await value.text())
            await self.put(key, text)
            return
        pieces = await value.json(reduced=True)
        await self._objects.put_stream(key, _encoded(pieces))

    async def put(self, key: str, text: str) -> None:
        """Store a value that is here already, as JSON text.

        Raises:
            StorageError: The store refuses to write.
        """
        await self._objects.put(key, text.encode())

    async def beginning(self, key: str, most: int) -> str:
        """Return the JSON text of what the key holds, or about so many characters of it.

        Raises:
            InvalidError: It is damaged, or gone.
        """
        stored = await self.open(key)
        if stored is None:
            raise InvalidError("It is gone from the platform's store.")
        if not stored.is_container:
            return await stored.text()
        pieces = await stored.json(reduced=True)
        return await asyncio.to_thread(_joined, pieces, most)

    async def open(self, key: str) -> StoredValue | None:
        """Return what the key holds, or None."""
        stored = await self._objects.open(key)
        if stored is None:
            return None
        beginning = await asyncio.to_thread(stored.read, 0, min(stored.size, len(MAGIC)))
        return StoredValue(key, stored, is_container(beginning))

    async def delete(self, key: str) -> None:
        """Forget what the key holds; harmless when it holds nothing."""
        await self._objects.delete(key)


def _joined(pieces: Iterator[str], most: int) -> str:
    text = ""
    try:
        for piece in pieces:
            text += piece
            if len(text) > most:
                break
    except SerializationError as error:
        raise InvalidError(f"The container cannot be read: {error}") from error
    return text


async def _encoded(pieces: Iterator[str]) -> AsyncIterator[bytes]:
    """Yield text that is made when asked for, in a thread, as bytes in blocks that are worth a step."""
    while some := await asyncio.to_thread(lambda: list(itertools.islice(pieces, _PIECES_AT_ONCE))):
        yield "".join(some).encode()
