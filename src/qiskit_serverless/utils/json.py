"""Where releases of the PyPI client up to 0.37 keep what goes to JSON."""

import json
from abc import ABC, abstractmethod
from typing import Any, Self


class JsonSerializable(ABC):
    """Something that a dictionary can hold, for classes of your own to derive from."""

    @classmethod
    @abstractmethod
    def from_dict(cls, dictionary: dict[str, Any]) -> Self:
        """Return the object that a dictionary holds."""

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes whose names begin with no underscore; such objects among them as dictionaries too."""
        return {name: _as_dict(value) for name, value in vars(self).items() if not name.startswith("_")}


def is_jsonable(data: object, cls: type[json.JSONEncoder] | None = None) -> bool:
    """Return whether a value can be written as JSON.

    Args:
        data: The value.
        cls: The encoder, by default that of the standard library.
    """
    try:
        json.dumps(data, cls=cls)
    except (TypeError, OverflowError, ValueError):
        return False
    return True


def _as_dict(value: object) -> object:
    if isinstance(value, JsonSerializable):
        return value.to_dict()
    return [_as_dict(each) for each in value] if isinstance(value, list) else value
