"""How objects are written in JSON.

An object is ``{"__type__": name, "__value__": ...}``, which is the format of qiskit-ibm-runtime's encoder. What that
encoder cannot carry, or carries with a loss, gets a name of our own that begins with ``treadle:``. The ``__value__`` of
such an object is what the runtime client's decoder should see in its place; what is needed besides, to restore it without
loss, stands in further keys. (`DICT` is the exception: its value is a list of pairs.)
"""

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

from qiskit_serverless.serialization.binary import Binary

Value: TypeAlias = Any
"""Any value at all: what a user hands over, or gets back."""

Json: TypeAlias = Any
"""A value that `json` can write."""

TYPE = "__type__"
VALUE = "__value__"
PREFIX = "treadle:"

DICT = f"{PREFIX}dict"
SET = "set"


def tagged(kind: str, value: Json, **more: Json) -> dict[str, Json]:
    """Return the JSON form of an object."""
    return {TYPE: kind, **more, VALUE: value}


class Walk(Protocol):
    """The pass over a value that an encoder is part of."""

    def encode(self, value: Value) -> Json:
        """Return the JSON form of `value`."""

    def items(self, values: Iterable[Value]) -> list[Json]:
        """Return the JSON forms of the items of a sequence."""

    def fields(self, mapping: dict[str, Value]) -> dict[str, Json]:
        """Return a dictionary with the same keys and the JSON forms of the values."""

    def attribute(self, owner: Value, name: str) -> Json:
        """Return the JSON form of ``owner.name``."""

    def binary(self, binary: Binary) -> Json:
        """Return what stands for the bytes of an object: their text, or in a container a reference to them."""

    @property
    def json_encoder(self) -> type:
        """The encoder class, for libraries that write JSON themselves."""


class Encode(Protocol):
    """Turns an object of one type into its JSON form."""

    def __call__(self, walk: Walk, value: Value, /) -> Json:
        """Return the JSON form of `value`."""


class CannotEncodeError(Exception):
    """An object cannot be carried. On its way up, each container adds its step to the path.

    Attributes:
        subject: What cannot be carried, e.g. ``<class 'X'>``.
        reason: Why, or an empty string when its type says it all.
        steps: From the object to the outermost container.
    """

    def __init__(self, subject: object, reason: str = "") -> None:
        super().__init__(subject, reason)
        self.subject = subject
        self.reason = reason
        self.steps: list[str] = []
