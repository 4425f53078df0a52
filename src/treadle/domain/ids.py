"""Identifiers: UUID version 7, so that they sort by time of making."""

import contextlib
import hashlib
import os
import time
import uuid

_VERSION_7 = 0x7 << 76
_VARIANT_RFC = 0b10 << 62
_RANDOM_A = (1 << 12) - 1
_RANDOM_B = (1 << 62) - 1


def new_id() -> str:
    """Return a new UUIDv7 (RFC 9562, section 5.7) as lower-case text: 48 bits of Unix milliseconds, then random."""
    return _version_7(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10), "big"))


def id_for(owner: str, key: str) -> str:
    """Return the one UUID that belongs to an owner and a key of theirs; nobody else's key leads to it.

    Its time is the one that the key begins with, if that is a UUIDv7: ids that sort by time keep indexes small.
    """
    digest = int.from_bytes(hashlib.sha256(f"{owner}\n{key}".encode()).digest()[:16], "big")
    begins = digest
    with contextlib.suppress(ValueError):
        begins = uuid.UUID(key).int
    return _version_7(begins >> 80, digest & (1 << 80) - 1)


def _version_7(milliseconds: int, random: int) -> str:
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= _VERSION_7 | (random >> 62 & _RANDOM_A) << 64
    value |= _VARIANT_RFC | (random & _RANDOM_B)
    return str(uuid.UUID(int=value))
