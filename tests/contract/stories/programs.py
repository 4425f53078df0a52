"""Programs as people wrote them for this release, and a function that a decorator sends away."""

import os
import warnings
from typing import Any

from setup import RELEASE, Setup

import qiskit_serverless

# The program that a researcher with this release has: written as its documentation then taught.
PROGRAM = {
    "0.18.1": "energies_of_2024",
    "0.24.0": "energies_of_2025",
    "0.30.1": "energies_of_2026",
    "0.35.1": "energies_of_2026",
    "0.37.0": "energies_of_2026",
}


def tell(setup: Setup) -> dict[str, Any]:
    client = setup.connect()
    client.upload(setup.function(PROGRAM[RELEASE]))
    job = client.run(setup.title(PROGRAM[RELEASE]), arguments={"bonds": [0.5, 0.7, 1.0]})
    seen = {"result": job.result(cadence=0.05), "log": job.logs(), "status": job.status()}
    if hasattr(qiskit_serverless, "distribute_qiskit_function"):
        seen["sent away"] = sent_away(setup)
    return seen


def sent_away(setup: Setup) -> Any:
    """Run a function of this notebook on the platform."""
    os.chdir(setup.folder)
    send = qiskit_serverless.distribute_qiskit_function

    with warnings.catch_warnings(action="ignore"):

        @send(provider=setup.connect())
        def double(number: int) -> None:
            from qiskit_serverless import save_result

            save_result({"double": 2 * number})

        return double(number=21).result(cadence=0.05)
