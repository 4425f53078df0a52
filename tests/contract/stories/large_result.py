"""A result of more than 8 MiB comes whole, however it comes."""

from typing import Any

import numpy as np
from setup import Setup


def tell(setup: Setup) -> dict[str, Any]:
    client = setup.connect()
    if "job" in setup.details:
        job = client.job(setup.details["job"])
    else:
        client.upload(setup.function("large"))
        job = client.run(setup.title("large"), arguments={"characters": 2**20})
    result = job.result(cadence=0.05)
    return {
        "job": job.job_id,
        "text_is_equal": result["text"] == "\u00e4" * 2**20,
        "numbers_are_equal": bool(np.array_equal(result["numbers"], np.random.default_rng(1).random(2**20))),
    }
