"""The form of tokens: prefix, random part, checksum, so that a scanner can recognise one and a typing error is found at once."""

import secrets
import string
import zlib

PREFIX = "treadle_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = 37  # characters of base 62: 220 bits
_CHECKSUM_LENGTH = 6  # a CRC-32 in base 62


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
