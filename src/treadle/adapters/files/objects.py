"""Files in an object store, for platforms whose programs run on other machines: names in the database, contents in objects.

An object is written once, under a random key, and never again. What a file is at any time is a row; so readers have the old
content or the new one, and a listing is one statement. An object counts as dropped until a row refers to it, and again when none
does any more; a day later it is deleted. So a crash at any point leaves nothing for good, and who still reads gets to the end.
"""

import asyncio
import hashlib
import logging
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from qiskit_serverless.encodings import LARGE
from treadle.adapters.files.limits import MOST_LISTED, too_large, too_many, unplaceable
from treadle.domain.errors import StorageError
from treadle.domain.files import FileRecord, Space, StoredFile
from treadle.ports.clock import Clock
from treadle.ports.files import SMALL
from treadle.ports.objects import ObjectStore
from treadle.ports.repositories import Database, Repositories
from treadle.ports.transfers import Transfers

logger = logging.getLogger(__name__)

_LONGEST_UPLOAD = timedelta(hours=12)
_KEPT = timedelta(days=1)  # longer than any upload, whatever the clocks of two gateways say, and than anybody reads
_DELETED_AT_ONCE = 20
_READS_AT_ONCE = 16
_GAP = 2**16  # bytes that are read for nothing rather than asking the store once more


class ObjectFiles:
    """`treadle.ports.files.FileStore` in an object store."""

    def __init__(
        self, database: Database, objects: ObjectStore, clock: Clock, transfers: Transfers | None = None
    ) -> None:
        """Use an object store.

        Args:
            database: Where names are kept.
            objects: Where contents are kept.
            clock: Tells when a file was stored.
            transfers: What signs URLs of objects; None where these cannot be reached but through the gateway.
        """
        self._database = database
        self._objects = objects
        self._clock = clock
        self._transfers = transfers

    def folder(self, space: Space) -> None:
        """Return None: files are brought to each program."""

    async def names(self, space: Space) -> list[str]:
        """Return the names of the files that lie directly in a space, in order."""
        return await self._database.read(lambda repositories: repositories.files.names(str(space)))

    async def all(self, space: Space, folder: str, *, checksums: bool) -> list[StoredFile]:
        """Return every file of a space, also those in folders, in order of their paths."""
        records = await self._database.read(
            lambda repositories: repositories.files.below(str(space), folder, MOST_LISTED + 1)
        )
        if len(records) > MOST_LISTED:
            raise too_many()
        files = (record.file if checksums else replace(record.file, sha256=None) for record in records)
        return sorted(files, key=lambda file: file.path)

    async def write(self, space: Space, path: str, content: AsyncIterator[bytes], largest: int) -> StoredFile:
        """Store what `content` yields, in place of what was there."""
        incoming = _Incoming(path, content, largest)

        async def store(key: str) -> list[FileRecord]:
            try:
                await self._objects.put_stream(key, incoming.blocks(), largest)
            except StorageError:
                if incoming.fault is not None:  # which the object store may have taken for one of its own
                    raise incoming.fault from None
                raise
            file = StoredFile(path, incoming.size, self._clock.now(), incoming.digest.hexdigest())
            return [FileRecord(file, key)]

        [record] = await self._stored(space, store)
        return record.file

    async def write_small(self, space: Space, contents: Mapping[str, bytes]) -> None:
        """Store small files by their paths: all of them or none, in one object."""

        async def store(key: str) -> list[FileRecord]:
            await self._objects.put(key, b"".join(contents.values()))
            return _placed(contents, key, self._clock.now())

        await self._stored(space, store)

    async def _stored(self, space: Space, store: Callable[[str], Awaitable[list[FileRecord]]]) -> list[FileRecord]:
        """Store content under a new key, then note the files that it holds."""
        key = f"files/{secrets.token_hex(16)}"
        await self._database.write(lambda repositories: repositories.files.drop(key, self._clock.now()))
        records = await store(key)
        await self._database.write(lambda repositories: self._note(repositories, space, key, records))
        await self.sweep()
        return records

    def _note(self, repositories: Repositories, space: Space, key: str, records: list[FileRecord]) -> None:
        clash = repositories.files.clash(str(space), [record.file.path for record in records])
        if clash is not None:
            raise unplaceable(clash)
        now = self._clock.now()
        if not repositories.files.keep(key, now - _LONGEST_UPLOAD):
            raise StorageError(f"The file {records[0].file.path!r} took longer than {_LONGEST_UPLOAD} to arrive.")
        repositories.files.put(str(space), records, now)

    async def read_small(self, space: Space, paths: Sequence[str]) -> list[bytes | None]:
        """Return the content of small files in the order of their paths; those that share an object are read at once."""
        records = await self._database.read(lambda repositories: repositories.files.some(str(space), paths))
        by_object: dict[str, list[FileRecord]] = defaultdict(list)
        for record in records:
            if record.file.size <= SMALL:
                by_object[record.object].append(record)
        found: dict[str, bytes] = {}
        reading = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(key: str, start: int, stop: int) -> bytes:
            async with reading:
                return await self._part(key, start, stop - start)

        spans = [span for sharing in by_object.values() for span in _spans(sharing)]
        parts = await asyncio.gather(*(read(span[0].object, span[0].start, _end(span[-1])) for span in spans))
        for span, part in zip(spans, parts, strict=True):
            for record in span:
                start = record.start - span[0].start
                found[record.file.path] = part[start : start + record.file.size]
        return [found.get(path) for path in paths]

    async def _part(self, key: str, start: int, length: int) -> bytes:
        part = await self._objects.read(key, start, length) if length else b""
        if part is None:
            raise StorageError(f"The object {key} is gone from the object store, and the file in it with it.")
        return part

    async def open(self, space: Space, path: str) -> "ObjectFile | None":
        """Open a file for reading; None when there is none."""
        record = await self._database.read(lambda repositories: repositories.files.get(str(space), path))
        return ObjectFile(record, self._part) if record is not None else None

    async def location(self, space: Space, path: str) -> str | None:
        """Return a URL that answers with a large file as it is now, for an hour; None if it has to be read here."""
        if self._transfers is None:
            return None
        record = await self._database.read(lambda repositories: repositories.files.get(str(space), path))
        if record is None or record.file.size < LARGE:  # one that is large has an object of its own
            return None
        return await self._transfers.url(record.object, "application/octet-stream")

    async def delete(self, space: Space, path: str) -> bool:
        """Remove a file. Returns whether there was one."""
        now = self._clock.now()
        removed = await self._database.write(lambda repositories: repositories.files.remove(str(space), [path], now))
        await self.sweep()
        return removed == 1

    async def delete_unchanged(self, space: Space, digests: Mapping[str, str]) -> None:
        """Remove files by their paths, but only those that still have the checksum that goes with the path."""
        now = self._clock.now()

        def work(repositories: Repositories) -> None:
            records = repositories.files.some(str(space), list(digests))
            unchanged = [each.file.path for each in records if digests[each.file.path] == each.file.sha256]
            repositories.files.remove(str(space), unchanged, now)

        await self._database.write(work)
        await self.sweep()

    async def sweep(self) -> None:
        """Delete some of the objects that no file has needed for a day. Each change of a file does so, and counts anyway."""
        try:
            await self._delete_dropped()
        except StorageError as error:
            logger.warning("objects that no file needs are deleted later: %s", error)

    async def _delete_dropped(self) -> None:
        before = self._clock.now() - _KEPT
        dropped = await self._database.read(lambda repositories: repositories.files.dropped(before, _DELETED_AT_ONCE))
        for key in dropped:
            await self._objects.delete(key)
        if dropped:
            await self._database.write(lambda repositories: repositories.files.forget(dropped))


class ObjectFile:
    """`treadle.ports.files.OpenFile` in an object, which nobody writes again."""

    def __init__(self, record: FileRecord, part: Callable[[str, int, int], Awaitable[bytes]]) -> None:
        """Open what a record names.

        Args:
            record: The record.
            part: Reads a part of an object by key, start and length.
        """
        self._record: FileRecord | None = record
        self._file = record.file
        self._part = part

    @property
    def size(self) -> int:
        """Its bytes."""
        return self._file.size

    @property
    def modified(self) -> datetime:
        """When it was last written."""
        return self._file.modified

    @property
    def etag(self) -> str:
        """A word that changes whenever its content does."""
        return str(self._file.sha256)

    async def read(self, start: int, length: int) -> bytes:
        """Return at most `length` bytes from `start`; empty at the end."""
        if self._record is None:
            raise ValueError("read of a closed file")
        length = min(length, self.size - start)
        return await self._part(self._record.object, self._record.start + start, length) if length > 0 else b""

    async def sha256(self) -> str | None:
        """Return the SHA-256 of its content in hexadecimal."""
        return self._file.sha256

    def close(self) -> None:
        """Let go of it."""
        self._record = None


class _Incoming:
    """Content on its way to the object store: counted and hashed."""

    def __init__(self, path: str, content: AsyncIterator[bytes], largest: int) -> None:
        self._path = path
        self._content = content
        self._largest = largest
        self.size = 0
        self.digest = hashlib.sha256()
        self.fault: OSError | None = None

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the content, and keep an error of the system that its sender raises.

        Raises:
            TooLargeError: It has more bytes than are allowed.
        """
        try:
            async for chunk in self._content:
                self.size += len(chunk)
                if self.size > self._largest:
                    raise too_large(self._path, self._largest)
                self.digest.update(chunk)
                yield chunk
        except OSError as fault:
            self.fault = fault
            raise


def _placed(contents: Mapping[str, bytes], key: str, now: datetime) -> list[FileRecord]:
    """Return the records of files whose contents lie in an object, one after the other."""
    records = []
    start = 0
    for path, content in contents.items():
        file = StoredFile(path, len(content), now, hashlib.sha256(content).hexdigest())
        records.append(FileRecord(file, key, start))
        start += len(content)
    return records


def _spans(sharing: list[FileRecord]) -> list[list[FileRecord]]:
    """Divide the files of one object into those that are read together, in order of their places."""
    spans: list[list[FileRecord]] = []
    for record in sorted(sharing, key=lambda record: record.start):
        if spans and record.start - _end(spans[-1][-1]) <= _GAP:
            spans[-1].append(record)
        else:
            spans.append([record])
    return spans


def _end(record: FileRecord) -> int:
    return record.start + record.file.size
