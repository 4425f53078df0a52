"""What a program tells the gateway about its own job, with the token that the job has for that."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from qiskit_serverless.connections import given
from qiskit_serverless.exceptions import NotInJobError, QiskitServerlessException
from qiskit_serverless.serialization.tags import Json
from qiskit_serverless.sync.transport import Transport

_log = logging.getLogger(__name__)


def send_error(code: str | int, message: str, exception: str, args: Json = None) -> bool:
    """Put an error into the history of this job; ``job.events(type="ERROR")`` then shows it.

    It does not end the program. In a program that is run as a script, or when the gateway does not take it, it is logged.

    Args:
        code: A code of your own.
        message: Text for people.
        exception: Name of the exception.
        args: Further details, anything JSON can carry.

    Returns:
        Whether the gateway has it.
    """
    told: dict[str, Any] = {"type": "ERROR", "code": code, "message": message, "exception": exception}
    sent = _tell("event", told if args is None else {**told, "args": args})
    if not sent:
        _log.error("Error %s: %s %s", code, message, "" if args is None else args)
    return sent


def associate_runtime_job_with_serverless_job(runtime_job_id: str, session_id: str | None = None) -> bool:
    """Record a QPU job with this job: ``job.runtime_jobs()`` lists it, and ``job.cancel(service)`` ends it.

    Args:
        runtime_job_id: Id of the QPU job at IBM Quantum.
        session_id: Id of its session, None without.

    Returns:
        Whether the gateway has it.
    """
    return _tell("runtime_jobs", {"runtime_job": runtime_job_id, "runtime_session": session_id})


def _tell(part: str, body: dict[str, Any]) -> bool:
    """Post to a part of this job. What a program computes is worth more than what it tells, so trouble is only logged."""
    try:
        json.dumps(body, allow_nan=False)
    except (TypeError, ValueError) as error:
        _log.warning("The gateway was not told (%s): JSON cannot carry it: %s", part, error)
        return False
    try:
        with _gateway() as (transport, path):
            transport.request("POST", f"{path}{part}/", json=body)
    except QiskitServerlessException as error:
        _log.warning("The gateway was not told (%s): %s", part, error)
        return False
    return True


@contextmanager
def _gateway() -> Iterator[tuple[Transport, str]]:
    """Open the way to the gateway of this job; give it, and the path of the job.

    Raises:
        NotInJobError: This program is not a job.
    """
    host, token, job = (
        os.environ.get(name) for name in ("ENV_JOB_GATEWAY_HOST", "ENV_JOB_GATEWAY_TOKEN", "ENV_JOB_ID_GATEWAY")
    )
    if not host or not token or not job:
        raise NotInJobError("this program is not a job.")
    optional = given(
        **{
            "Service-CRN": os.environ.get("ENV_JOB_GATEWAY_INSTANCE"),
            "Service-Channel": os.environ.get("QISKIT_IBM_CHANNEL"),
        }
    )
    transport = Transport(host.rstrip("/"), {"Authorization": f"Bearer {token}", **optional})
    version = os.environ.get("ENV_GATEWAY_PROVIDER_VERSION") or "v1"
    try:
        yield transport, f"/api/{version}/jobs/{quote(job, safe='')}/"
    finally:
        transport.close()
