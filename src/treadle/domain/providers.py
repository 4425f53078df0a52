"""Providers: organisations that publish functions to others without showing their code or private logs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provider:
    """An organisation that publishes functions.

    Attributes:
        id: Identifier.
        name: Its name, the first part of ``provider/title``.
        registry: Where the images of its functions must come from, None for anywhere.
    """

    id: str
    name: str
    registry: str | None = None
