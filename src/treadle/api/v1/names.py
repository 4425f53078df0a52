"""Names in queries and bodies."""

from typing import Annotated

from pydantic import BeforeValidator

from treadle.domain.functions import clean_title


def _cleaned(name: object) -> object:
    return clean_title(name) if isinstance(name, str) and name else name or None


Name = Annotated[str | None, BeforeValidator(_cleaned)]
"""Title of a function or name of a provider, without the characters it cannot have; empty is none."""
