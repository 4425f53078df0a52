"""Artifacts in the object store, by their digest: the same content is there once, however many versions have it."""

import hashlib

from treadle.domain.errors import InvalidError
from treadle.domain.functions import FunctionVersion
from treadle.ports.objects import ObjectStore


class Artifacts:
    """The artifacts of all functions."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def get(self, digest: str) -> bytes | None:
        """Return an artifact, or None when it is gone from the store."""
        return await self._objects.get(_key(digest))

    async def of(self, version: FunctionVersion) -> bytes:
        """Return the artifact of a version.

        Raises:
            InvalidError: It has none, or it is gone from the store.
        """
        artifact = await self.get(version.artifact_digest) if version.artifact_digest is not None else None
        if artifact is None:
            raise InvalidError("The function's artifact is gone from the platform's store; upload the function again.")
        return artifact

    async def put(self, digest: str, artifact: bytes) -> None:
        """Store an artifact. One that is there is written anew: if it was damaged, uploading it again mends it.

        When its upload is not committed after all, it stays and is there for the next upload of the same content.
        """
        await self._objects.put(_key(digest), artifact)


def digest_of(artifact: bytes) -> str:
    """Return the SHA-256 of an artifact in hexadecimal."""
    return hashlib.sha256(artifact).hexdigest()


def _key(digest: str) -> str:
    return f"artifacts/{digest}.tar"
