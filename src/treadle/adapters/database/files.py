"""The names of files whose content lies in an object store, in the database."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select

from treadle.adapters.database.tables import dropped_objects, stored_files
from treadle.domain.files import FileRecord, StoredFile

_AFTER_SLASH = "0"  # the character that comes next
_AT_ONCE = 100  # paths in one statement


class DatabaseFiles:
    """`treadle.ports.repositories.FileRepository` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, space: str, path: str) -> FileRecord | None:
        """Return what is noted of a file."""
        return next(iter(self.some(space, [path])), None)

    def some(self, space: str, paths: Sequence[str]) -> list[FileRecord]:
        """Return what is noted of those of some files that are there."""
        found: list[FileRecord] = []
        for some in _batched(paths, _AT_ONCE):
            statement = select(stored_files).where(stored_files.c.space == space, stored_files.c.path.in_(some))
            found += [_record(row) for row in self._connection.execute(statement)]
        return found

    def below(self, space: str, folder: str, most: int) -> list[FileRecord]:
        """Return what is noted of the files in a folder and in those below it, in order of their paths, up to `most`."""
        statement = select(stored_files).where(stored_files.c.space == space)
        if folder:
            statement = statement.where(_lies_below(folder))
        rows = self._connection.execute(statement.order_by(stored_files.c.path).limit(most))
        return [_record(row) for row in rows]

    def names(self, space: str) -> list[str]:
        """Return the names of the files that lie directly in a space, in order."""
        own = stored_files.c.path.not_like("%/%")
        statement = select(stored_files.c.path).where(stored_files.c.space == space, own).order_by(stored_files.c.path)
        return list(self._connection.execute(statement).scalars())

    def clash(self, space: str, paths: Sequence[str]) -> str | None:
        """Return one of some paths that no file can have: a folder has it, or a file has that of one of its folders."""
        needed = {folder: path for path in paths for folder in _folders(path)}
        files = self.some(space, list(needed))
        if files:
            return needed[files[0].file.path]
        end = max(f"{path}{_AFTER_SLASH}" for path in paths)
        between = and_(stored_files.c.path > min(paths), stored_files.c.path < end)
        rows = self._connection.execute(select(stored_files.c.path).where(stored_files.c.space == space, between))
        taken = {folder for found in rows.scalars() for folder in _folders(found)}
        return next((path for path in paths if path in taken), None)

    def put(self, space: str, records: Sequence[FileRecord], now: datetime) -> None:
        """Note files, in place of those that had their paths; what only those needed is dropped."""
        self.remove(space, [record.file.path for record in records], now)
        rows = [
            {
                "space": space,
                "path": record.file.path,
                "size": record.file.size,
                "sha256": record.file.sha256,
                "modified": record.file.modified,
                "object": record.object,
                "start": record.start,
            }
            for record in records
        ]
        self._connection.execute(insert(stored_files), rows)

    def remove(self, space: str, paths: Sequence[str], now: datetime) -> int:
        """Forget files; what only those needed is dropped. Returns how many there were."""
        number = 0
        for some in _batched(paths, _AT_ONCE):
            chosen = and_(stored_files.c.space == space, stored_files.c.path.in_(some))
            objects = set(self._connection.execute(select(stored_files.c.object).where(chosen)).scalars())
            number += self._connection.execute(delete(stored_files).where(chosen)).rowcount
            needed = select(stored_files.c.object).where(stored_files.c.object.in_(objects)).distinct()
            for key in objects.difference(self._connection.execute(needed).scalars()):
                self.drop(key, now)
        return number

    def drop(self, key: str, now: datetime) -> None:
        """Note that no file needs an object, or none does yet."""
        self._connection.execute(insert(dropped_objects).values(object=key, dropped=now))

    def keep(self, key: str, since: datetime) -> bool:
        """Take back `drop`. Returns whether it was noted, at that time or later."""
        noted = and_(dropped_objects.c.object == key, dropped_objects.c.dropped >= since)
        return self._connection.execute(delete(dropped_objects).where(noted)).rowcount == 1

    def dropped(self, before: datetime, most: int) -> list[str]:
        """Return up to `most` objects that were dropped before a time, the longest ago first."""
        statement = select(dropped_objects.c.object).where(dropped_objects.c.dropped < before)
        return list(self._connection.execute(statement.order_by(dropped_objects.c.dropped).limit(most)).scalars())

    def forget(self, keys: Sequence[str]) -> None:
        """Forget objects that were dropped and are deleted."""
        self._connection.execute(delete(dropped_objects).where(dropped_objects.c.object.in_(keys)))


def _batched(paths: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield so many at a time."""
    for start in range(0, len(paths), size):
        yield paths[start : start + size]


def _folders(path: str) -> list[str]:
    """Return the folders that a file lies in."""
    return [path[:end] for end, letter in enumerate(path) if letter == "/"]


def _lies_below(folder: str) -> ColumnElement[bool]:
    """Say that a path begins with a folder: a range of the index, for paths are in the order of their bytes."""
    return and_(stored_files.c.path > f"{folder}/", stored_files.c.path < f"{folder}{_AFTER_SLASH}")


def _record(row: Row[Any]) -> FileRecord:
    return FileRecord(StoredFile(row.path, row.size, row.modified, row.sha256), row.object, row.start)
