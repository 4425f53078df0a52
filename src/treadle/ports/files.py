"""Where the files of users and providers are kept, and where their programs find them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from treadle.domain.files import Space, StoredFile

SMALL = 2**18
"""Most bytes of a file that is written or read together with others."""


class OpenFile(Protocol):
    """A file as it was when it was opened, whatever happens to its name. It must be closed."""

    @property
    def size(self) -> int:
        """Its bytes."""

    @property
    def modified(self) -> datetime:
        """When it was last written."""

    @property
    def etag(self) -> str:
        """A word that changes whenever its content does; of letters, digits and hyphens."""

    async def read(self, start: int, length: int) -> bytes:
        """Return at most `length` bytes from `start`; empty at the end."""

    async def sha256(self) -> str | None:
        """Return the SHA-256 of its content in hexadecimal; None when it is too large to be read for that."""

    def close(self) -> None:
        """Let go of it."""


class FileStore(Protocol):
    """Files by space and path. Paths are clean (`treadle.domain.files.clean_path`).

    Where a store is a folder, programs write into it too, and what they leave there can be anything: only regular files count,
    and no link leads anywhere.
    """

    def folder(self, space: Space) -> str | None:
        """Return the folder in which programs find the files of a space; None where they are brought to each program."""

    async def names(self, space: Space) -> list[str]:
        """Return the names of the files that lie directly in a space, in order."""

    async def all(self, space: Space, folder: str, *, checksums: bool) -> list[StoredFile]:
        """Return every file of a space, also those in folders, in order of their paths.

        Args:
            space: The space.
            folder: Only what lies in this folder of it; empty for everything.
            checksums: Whether to tell their checksums, as far as they are known or can be read within seconds.

        Raises:
            treadle.domain.errors.InvalidError: There are more than can be listed at once.
        """

    async def write(self, space: Space, path: str, content: AsyncIterator[bytes], largest: int) -> StoredFile:
        """Store what `content` yields, in place of what was there. Readers see the old or the new file, nothing between.

        When anything fails, nothing of it stays.

        Raises:
            treadle.domain.errors.InvalidError: A folder has this path, or a file has that of one of its folders.
            treadle.domain.errors.TooLargeError: It has more than `largest` bytes.
            treadle.domain.errors.StorageError: The store refuses to write.
        """

    async def write_small(self, space: Space, contents: Mapping[str, bytes]) -> None:
        """Store small files by their paths, as `write` does each. Where it raises, some of them may be stored."""

    async def read_small(self, space: Space, paths: Sequence[str]) -> list[bytes | None]:
        """Return the content of some files in the order of their paths; None for what is not there or not small."""

    async def open(self, space: Space, path: str) -> OpenFile | None:
        """Open a file for reading; None when there is none."""

    async def location(self, space: Space, path: str) -> str | None:
        """Return a URL that answers with a large file as it is now, for an hour; None if it has to be read here.

        It is never logged and never stored: whoever has it can read the file.
        """

    async def delete(self, space: Space, path: str) -> bool:
        """Remove a file. Returns whether there was one."""

    async def delete_unchanged(self, space: Space, digests: Mapping[str, str]) -> None:
        """Remove files by their paths, but only those that still have the SHA-256 (in hexadecimal) that goes with the path."""

    async def sweep(self) -> None:
        """Remove what writes have left that a crash cut off. To be called before the first write."""
