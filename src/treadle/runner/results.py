"""The way of a result to the platform: a large one goes to the object store itself, if there is one that can be reached."""

import json
from collections.abc import Callable
from typing import BinaryIO

from qiskit_serverless.encodings import LARGE
from qiskit_serverless.object_store import ObjectStoreError, UploadOffer, reading, upload
from treadle.runner.gateway import Call, Gateway, answer_object


def send_result(gateway: Gateway, file: BinaryIO, call: Callable[[Call], bytes]) -> None:
    """Send a result.

    Args:
        gateway: The gateway.
        file: The result.
        call: Does a call to the gateway and waits until it is answered, however long that takes.

    Raises:
        RefusedError: The platform does not take it.
        AttemptOverError: The gateway wants nothing more from this attempt.
    """
    size = file.seek(0, 2)
    if not (size >= LARGE and gateway.knows_other_ways and _uploaded(gateway, file, size, call)):
        call(Call("PUT", "result", file))


def _uploaded(gateway: Gateway, file: BinaryIO, size: int, call: Callable[[Call], bytes]) -> bool:
    """Put a result into the object store; False if it has to go through the gateway."""
    answer = answer_object(call(Call("POST", "result/upload", json.dumps({"size": size}).encode())))
    if "upload" not in answer:
        return False
    try:
        uploaded = upload(UploadOffer.from_json(answer), size, reading(file), gateway.stay_alive)
    except ObjectStoreError as error:
        gateway.stay_with_gateway(error)
        return False
    call(Call("POST", "result/commit", json.dumps(uploaded).encode()))
    return True
