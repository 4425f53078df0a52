"""The form of tokens: prefix, random part, checksum, so that a scanner can recognise one and a typing error is found at once."""

import secrets
import string
import zlib
from dataclasses import dataclass
from datetime import datetime

PREFIX = "treadle_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = 37  # characters of base 62: 220 bits
_CHECKSUM_LENGTH = 6  # a CRC-32 in base 62

_ID_LENGTH = 12  # hexadecimal digits: enough to tell the tokens of one user apart


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token as the platform knows it, which is not the token itself.

    Attributes:
        digest: Its keyed digest.
        created: Since when it identifies its user.
    """

    digest: str
    created: datetime

    @property
    def id(self) -> str:
        """By what people call it."""
        return self.digest[:_ID_LENGTH]


def new_token() -> str:
    """Return a new random token."""
    random = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return PREFIX + random + _checksum(random)


def is_well_formed(token: str) -> bool:
    """Return whether `token` has the prefix and the length of a token and its checksum is right."""
    random, checksum = token.removeprefix(PREFIX)[:_RANDOM_LENGTH], token.removeprefix(PREFIX)[_RANDOM_LENGTH:]
    return token.startswith(PREFIX) and len(random) == _RANDOM_LENGTH and checksum == _checksum(random)


def _checksum(text: str) -> str:
    value = zlib.crc32(text.encode())
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        value, digit = divmod(value, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
