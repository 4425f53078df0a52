"""A program that asks for the official client among its dependencies."""

from typing import Any

from setup import RELEASE, Setup


def tell(setup: Setup) -> dict[str, Any]:
    client = setup.connect()
    client.upload(setup.function("whose_sdk", dependencies=[f"qiskit-serverless=={RELEASE}"]))
    result: dict[str, Any] = client.run(setup.title("whose_sdk")).result(cadence=0.05)
    return result
