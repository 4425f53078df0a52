"""References from the head of a container to the bytes of objects in its parts."""

from dataclasses import dataclass

from qiskit_serverless.exceptions import SerializationError
from qiskit_serverless.serialization.binary import DEFLATED, PART
from qiskit_serverless.serialization.container import LARGEST_SHARED, Part
from qiskit_serverless.serialization.tags import TYPE, VALUE, Json, tagged


@dataclass(frozen=True, slots=True)
class Reference:
    """Where the bytes of an object are.

    Attributes:
        part: Number of the part.
        offset: Where they begin in it.
        size: How many they are.
        encoding: How JSON text carries them: ``zlib+base64`` or ``base64``.
    """

    part: int
    offset: int
    size: int
    encoding: str

    def to_json(self) -> Json:
        """Return what stands for them in the head."""
        return tagged(PART, [self.part, self.offset, self.size], text=self.encoding)

    @classmethod
    def from_json(cls, fields: dict[str, Json], parts: tuple[Part, ...]) -> "Reference":
        """Return the reference that a JSON object is.

        Args:
            fields: An object for which `is_reference` holds.
            parts: The parts of the container.

        Raises:
            SerializationError: It refers to something that is not there.
        """
        value, encoding = fields.get(VALUE), fields.get("text")
        if not (isinstance(value, list) and len(value) == 3 and all(type(number) is int for number in value)):
            raise SerializationError("A reference to a part of the container is not three whole numbers.")
        part, offset, size = value
        if not 1 <= part < len(parts) or offset < 0 or size < 0 or offset + size > parts[part].size:
            raise SerializationError(f"The container has no {size} bytes at byte {offset} of part {part}.")
        if parts[part].size > LARGEST_SHARED and size != parts[part].size:
            raise SerializationError(f"Part {part} of the container is too large to hold several objects.")
        if encoding not in (DEFLATED, "base64"):
            raise SerializationError(f"JSON has no form {encoding!r} for the bytes of an object.")
        return cls(part, offset, size, encoding)


def is_reference(fields: dict[str, Json]) -> bool:
    """Return whether a JSON object stands for the bytes of an object."""
    return fields.get(TYPE) == PART
