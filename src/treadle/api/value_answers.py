"""Results as answers: a container as it lies there, or JSON text, also of a container for those who do not know containers."""

import asyncio
from typing import Any

import anyio.from_thread
from fastapi import Response
from fastapi.responses import RedirectResponse, StreamingResponse
from starlette.concurrency import iterate_in_threadpool

from qiskit_serverless.encodings import CONTAINED, LOCATION_TYPE, TAGGED
from qiskit_serverless.serialization.container import MEDIA_TYPE
from qiskit_serverless.serialization.qpy_versions import OLDEST
from qiskit_serverless.wire import reduce_for_runtime_client
from treadle.api.answers import JsonAnswer, text_answer
from treadle.ports.circuits import CircuitWriter
from treadle.services.direct_values import DirectValues
from treadle.services.json_form import OlderCircuits
from treadle.services.values import StoredValue

_KNOWN = (TAGGED, CONTAINED)

_PRIVATE = {"Cache-Control": "no-store"}  # whoever has such a URL may use it


def value_answer(stored: StoredValue) -> Response:
    """Return an answer that is a value as it lies in the store."""
    kind = MEDIA_TYPE if stored.is_container else "application/json"
    return StreamingResponse(stored.blocks(), media_type=kind, headers={"Content-Length": str(stored.size)})


async def result_answer(
    stored: StoredValue, encoding: str | None, direct: DirectValues, gateway_host: str | None
) -> Response:
    """Return the answer to a question for a result.

    Args:
        stored: The result.
        encoding: Header ``Treadle-Encoding`` of the question.
        direct: The way past the gateway, for large ones.
        gateway_host: Host name by which the caller reaches the gateway.
    """
    if encoding is None and (url := await direct.reduced_location(stored, gateway_host)) is not None:
        return RedirectResponse(url, 302, _PRIVATE)
    if stored.is_container and encoding == CONTAINED:
        return value_answer(stored)
    return await answer_with_result({}, stored, encoding, None)


def location_answer(url: str, stored: StoredValue) -> Response:
    """Return an answer that says where a value lies, to those who know how to get it from there."""
    return JsonAnswer({"url": url, "size": stored.size}, headers={**_PRIVATE, "Content-Type": LOCATION_TYPE})


async def answer_with_result(
    document: dict[str, Any], stored: StoredValue, encoding: str | None, circuits: CircuitWriter | None
) -> Response:
    """Return an answer whose ``result`` is the JSON text of a value.

    Args:
        document: What else the answer holds.
        stored: The value.
        encoding: Header ``Treadle-Encoding`` of the question.
        circuits: Writes circuits again for a reader with an older Qiskit; None if that is not needed.
    """
    older = _older(circuits, OLDEST) if circuits is not None and encoding not in _KNOWN else None
    if not stored.is_container:
        return JsonAnswer({**document, "result": await _text(stored, encoding, circuits if older else None)})
    pieces = await stored.json(reduced=encoding not in _KNOWN, older=older)
    return text_answer(document, "result", iterate_in_threadpool(pieces))


async def portable_answer(stored: StoredValue, circuits: CircuitWriter, version: int) -> Response:
    """Return an answer that is a value whose circuits an older Qiskit can read: a container that has newer ones becomes JSON.

    Args:
        stored: The value.
        circuits: Writes circuits again.
        version: Newest QPY version that Qiskit reads.
    """
    if not stored.is_container:
        text = await circuits.in_version(await stored.text(), version)
        return Response(text, media_type="application/json")
    older = _older(circuits, version)
    if not await stored.has_newer_circuits(older):
        return value_answer(stored)
    pieces = await stored.json(reduced=False, older=older)
    return StreamingResponse(pieces, media_type="application/json")


def _older(circuits: CircuitWriter, version: int) -> OlderCircuits:
    """Return what writes circuits again for those who make JSON in a thread of their own."""
    return OlderCircuits(version, lambda text: anyio.from_thread.run(circuits.in_version, text, version))


async def _text(stored: StoredValue, encoding: str | None, circuits: CircuitWriter | None) -> str:
    text = await stored.text()
    if encoding not in _KNOWN:
        text = await asyncio.to_thread(reduce_for_runtime_client, text)
    return await circuits.in_version(text, OLDEST) if circuits else text
