"""Statuses of a job: as the gateway has them, and as users see them."""

SHOWN = {
    "QUEUED": "QUEUED",
    "PENDING": "INITIALIZING",
    "RUNNING": "RUNNING",
    "STOPPING": "CANCELING",
    "SUCCEEDED": "DONE",
    "FAILED": "ERROR",
    "STOPPED": "CANCELED",
}
"""Gateway's status to shown status."""

STAGES = {
    "MAPPING": "RUNNING: MAPPING",
    "OPTIMIZING_HARDWARE": "RUNNING: OPTIMIZING_FOR_HARDWARE",
    "WAITING_QPU": "RUNNING: WAITING_FOR_QPU",
    "EXECUTING_QPU": "RUNNING: EXECUTING_QPU",
    "POST_PROCESSING": "RUNNING: POST_PROCESSING",
}
"""Stage of a running program to shown status."""

TERMINAL = frozenset({"DONE", "ERROR", "CANCELED"})
"""Shown statuses that never change again."""


def shown(status: str, sub_status: str | None) -> str:
    """Return the status that users see."""
    if status == "RUNNING" and sub_status:
        return STAGES.get(sub_status, sub_status)
    return SHOWN.get(status, status)


def on_the_wire(status: str) -> str:
    """Return the gateway's name of a status that is given by either name, e.g. ``SUCCEEDED`` for ``DONE``."""
    if status.startswith("RUNNING:"):
        return "RUNNING"
    return next((name for name, text in SHOWN.items() if text == status), status)
