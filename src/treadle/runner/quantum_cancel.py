"""Ends jobs on quantum computers, in a process of its own: the gateway never imports the runtime client.

Reads ``{"account": {...}, "runtime_jobs": [[id, session or null], ...]}`` from standard input, writes a JSON list of sentences.
"""

import json
import sys
from typing import Any


def main() -> None:
    """End what standard input names, and say what became of each."""
    request = json.load(sys.stdin)
    said = cancel_all(request["account"], request["runtime_jobs"])
    sys.stdout.write(json.dumps(said))


def cancel_all(account: dict[str, str], runtime_jobs: list[tuple[str, str | None]]) -> list[str]:
    """Return a sentence for each job or session."""
    from ibm_cloud_sdk_core import ApiException
    from qiskit_ibm_runtime import QiskitRuntimeService
    from qiskit_ibm_runtime.exceptions import IBMError

    try:
        service = QiskitRuntimeService(**account)
    except (ApiException, IBMError, OSError, ValueError) as error:
        return [f"{_name(*each)} could not be canceled: {_words(error)}" for each in runtime_jobs]
    return [_cancel(service, *each) for each in runtime_jobs]


def _cancel(service: Any, runtime_job: str, session: str | None) -> str:  # noqa: ANN401  (the library has no types)
    from qiskit_ibm_runtime import Session
    from qiskit_ibm_runtime.exceptions import IBMError

    try:
        if session is not None:
            Session.from_id(session, service).cancel()
            return f"Canceled runtime session: {session}."
        service.job(runtime_job).cancel()
    except (IBMError, OSError, ValueError) as error:
        return f"{_name(runtime_job, session)} could not be canceled: {_words(error)}"
    return f"Canceled runtime job [{runtime_job}]."


def _name(runtime_job: str, session: str | None) -> str:
    return f"Runtime session {session}" if session is not None else f"Runtime job [{runtime_job}]"


def _words(error: Exception) -> str:
    from qiskit_ibm_runtime.exceptions import IBMError

    text = error.message if isinstance(error, IBMError) else str(error)  # as text, these are in quotes and on one line
    lines = text.splitlines() or [type(error).__name__]
    return f"{lines[0][:200].strip().rstrip('.')}."


if __name__ == "__main__":
    main()
