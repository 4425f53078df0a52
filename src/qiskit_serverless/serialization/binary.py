"""The bytes of an object on their way into a value's written form, and back.

JSON carries them as base64 text, of their zlib stream or of themselves; a container carries them as they are.
"""

import base64
import zlib
from dataclasses import dataclass

from qiskit_serverless.serialization.compression import Buffer

PART = "treadle:part"
"""Kind of the JSON object that stands for bytes in a part: its value is ``[part, offset, length]``."""

DEFLATED = "zlib+base64"
"""How JSON carries bytes whose zlib stream it has."""

_SAMPLE = 1 << 16
_WORTH_COMPRESSING = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Binary:
    """The bytes of an object.

    Attributes:
        pieces: Bytes in contiguous memory, one after the other. They must not change before they are written.
        deflated: Whether their text is that of their zlib stream; else it is theirs.
        alike: Whether they are much like others of their kind, as circuits are: these are compressed together.
    """

    pieces: tuple[Buffer, ...]
    deflated: bool = True
    alike: bool = False

    @property
    def size(self) -> int:
        """How many bytes."""
        return sum(len(piece) for piece in self.pieces)

    @property
    def encoding(self) -> str:
        """How JSON carries them: ``zlib+base64`` or ``base64``."""
        return DEFLATED if self.deflated else "base64"

    def text(self) -> str:
        """Return them as JSON carries them."""
        data = b"".join(self.pieces) if len(self.pieces) > 1 else self.pieces[0]
        return base64.b64encode(zlib.compress(data, deflation_level(data)) if self.deflated else data).decode("ascii")


def deflation_level(data: Buffer) -> int:
    """Return the level at which zlib should compress: what a sample says is not worth it, as random floats, is only wrapped."""
    middle = len(data) // 2
    sample = memoryview(data)[middle : middle + _SAMPLE]
    return 1 if len(data) <= _SAMPLE or len(zlib.compress(sample, 1)) < _WORTH_COMPRESSING * len(sample) else 0


def bytes_of(value: str | memoryview) -> Buffer:
    """Return the bytes that a value's written form holds as base64 text or in a part."""
    return value if isinstance(value, memoryview) else base64.b64decode(value)


def inflated_bytes_of(value: str | memoryview) -> Buffer:
    """Return the bytes that a value's written form holds as base64 text of their zlib stream, or in a part."""
    return value if isinstance(value, memoryview) else zlib.decompress(base64.b64decode(value))
