"""Which public methods this release has."""

from typing import Any

from recording import public_methods
from setup import RELEASE, Setup


def tell(setup: Setup) -> dict[str, Any]:
    return {"release": RELEASE, "methods": public_methods()}
