"""A researcher looks up which packages a function may ask for, and asks for one of the others."""

from typing import Any

from setup import Setup, refusal


def tell(setup: Setup) -> dict[str, Any]:
    client = setup.connect()
    return {
        "allowed": client.dependencies_versions(),
        "others": refusal(lambda: client.upload(setup.function("hello", dependencies=["leftpad"]))),
    }
