"""The platform's key: made at the first start, kept in a file that only its owner can read."""

import base64
import hmac
import os
import re
import secrets
from hashlib import sha256
from pathlib import Path

from treadle.domain.errors import HomeFolderError, SettingsError, UnsealError

_KEY_BYTES = 32
_KEY = re.compile(f"[0-9a-f]{{{2 * _KEY_BYTES}}}")


class FileSigner:
    """`treadle.ports.secrets.Signer` with a key from a file."""

    def __init__(self, key: bytes) -> None:
        self._digest_key = hmac.digest(key, b"digest", "sha256")
        self._seal_key = base64.urlsafe_b64encode(hmac.digest(key, b"seal", "sha256"))

    @classmethod
    def from_key(cls, text: str | None, path: Path) -> "FileSigner":
        """Return a signer with a key, or without one with that in a file, see `from_file`.

        Raises:
            SettingsError: `text` is not a key.
            HomeFolderError: What is in `path` is not a key.
        """
        if text is None:
            return cls.from_file(path)
        if not _KEY.fullmatch(text):
            raise SettingsError(
                f"TREADLE_SECRET_KEY is no key of a platform: {2 * _KEY_BYTES} hexadecimal digits.",
                hint=f"Make one: openssl rand -hex {_KEY_BYTES}. A platform that ran without has its own in secret.key.",
            )
        return cls(bytes.fromhex(text))

    @classmethod
    def from_file(cls, path: Path) -> "FileSigner":
        """Return a signer with the key in `path`, which is made when it does not exist.

        Raises:
            HomeFolderError: What is in `path` is not a key.
        """
        text = read_or_make(path, secrets.token_hex(_KEY_BYTES))
        if not _KEY.fullmatch(text):
            raise HomeFolderError(
                f"{path} holds no key of the platform: {2 * _KEY_BYTES} hexadecimal digits.",
                hint="Bring back the file as it was; without it, tokens and sealed values cannot be read.",
            )
        return cls(bytes.fromhex(text))

    def digest(self, text: str) -> str:
        """Return a keyed digest (HMAC-SHA256, RFC 2104) of `text` in hexadecimal."""
        return hmac.new(self._digest_key, text.encode(), sha256).hexdigest()

    def seal(self, text: str) -> str:
        """Return `text` encrypted (Fernet)."""
        from cryptography.fernet import Fernet

        return Fernet(self._seal_key).encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """Return what `seal` was given."""
        from cryptography.fernet import Fernet, InvalidToken

        try:
            return Fernet(self._seal_key).decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise UnsealError(
                "A sealed value cannot be read with the platform's key.",
                hint="Upload the function again, or bring back the secret.key it was uploaded under.",
            ) from error


def read_or_make(path: Path, content: str) -> str:
    """Return the text of a private file; if there is none, make it with `content`, whole or not at all."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(content + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        return content
