"""Signatures and sealed values, with a key that is not in the database."""

from typing import Protocol


class Signer(Protocol):
    """Makes digests that only the platform can make, and keeps values unreadable where they are stored."""

    def digest(self, text: str) -> str:
        """Return a keyed digest of `text` in hexadecimal."""

    def seal(self, text: str) -> str:
        """Return `text` encrypted."""

    def unseal(self, sealed: str) -> str:
        """Return what `seal` was given.

        Raises:
            treadle.domain.errors.UnsealError: It was sealed with another key.
        """
