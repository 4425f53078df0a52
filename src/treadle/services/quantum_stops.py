"""Ending what a job has started on quantum computers, when its user stops it."""

import json
from typing import Any

from treadle.domain.errors import InvalidError
from treadle.domain.users import User
from treadle.ports.quantum_jobs import QuantumJobs
from treadle.services.program_reports import ProgramReports

_SETTINGS = ("channel", "token", "instance", "url")
_NO_SERVICE = "QiskitRuntimeService not found, cannot stop runtime jobs."
_NO_JOBS = "No active runtime job ID associated with this serverless job ID."


def account_of(service: str) -> dict[str, str] | None:
    """Return the account in what a client sends of its ``QiskitRuntimeService``; None if it has none.

    Nothing else is taken from it: no class that it names is ever looked up.

    Args:
        service: JSON text.

    Raises:
        InvalidError: It is no such service, or its URL is not one of HTTPS.
    """
    try:
        value = json.loads(service)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"'service' is not valid JSON: {error}") from error
    if value is None:
        return None
    settings = _settings(value)
    if settings.get("channel") == "local":  # fake backends, which keep no jobs
        return None
    account = {name: settings[name] for name in _SETTINGS if isinstance(settings.get(name), str)}
    if "token" not in account or not account.get("url", "https://").startswith("https://"):
        raise InvalidError("'service' needs a token, and its url must begin with https://.")
    return account


def _settings(value: Any) -> dict[str, Any]:  # noqa: ANN401  (whatever the client sent)
    fields = value if isinstance(value, dict) and value.get("__type__") == "QiskitRuntimeService" else {}
    settings = fields.get("__value__")
    if not isinstance(settings, dict):
        raise InvalidError("'service' is not a QiskitRuntimeService.")
    return settings


class QuantumStops:
    """The use case of a user who stops a job together with its jobs on quantum computers."""

    def __init__(self, reports: ProgramReports, quantum_jobs: QuantumJobs) -> None:
        self._reports = reports
        self._quantum_jobs = quantum_jobs

    async def stop(self, user: User, job_id: str, account: dict[str, str] | None) -> str:
        """End what a job has started on quantum computers, and say what became of it.

        Args:
            user: The author of the job.
            job_id: The job.
            account: With which to end it, None if the user sent none.

        Raises:
            NotFoundError: The user has no such job.
        """
        if account is None:
            return _NO_SERVICE
        runtime_jobs = await self._reports.runtime_jobs(user, job_id)
        if not runtime_jobs:
            return _NO_JOBS
        return " ".join(await self._quantum_jobs.cancel(account, runtime_jobs))
