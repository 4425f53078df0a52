"""Identifiers: UUID version 7, so that they sort by time of making."""

import os
import time
import uuid

_VERSION_7 = 0x7 << 76
_VARIANT_RFC = 0b10 << 62
_RANDOM_A = (1 << 12) - 1
_RANDOM_B = (1 << 62) - 1


def new_id() -> str:
    """Return a new UUIDv7 (RFC 9562, section 5.7) as lower-case text: 48 bits of Unix milliseconds, then random."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= _VERSION_7 | (random >> 62 & _RANDOM_A) << 64
    value |= _VARIANT_RFC | (random & _RANDOM_B)
    return str(uuid.UUID(int=value))
