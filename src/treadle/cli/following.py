"""Showing what happens to a job while it happens."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from treadle.cli.output import Output
from treadle.cli.results import outline

if TYPE_CHECKING:
    from qiskit_serverless import Job


def follow(job: "Job", output: Output) -> None:
    """Show statuses and log of a job until it ends."""
    for event in job.follow():
        if event.status is not None:
            output.status(event.status)
        if event.log is not None:
            output.log(event.log)


def follow_to_result(job: "Job", output: Output) -> None:
    """Show statuses and log of a job until it ends, then its result.

    Raises:
        qiskit_serverless.exceptions.JobFailedError: It ended in ERROR.
        qiskit_serverless.exceptions.JobCanceledError: It was cancelled.
    """
    try:
        follow(job, output)
    except KeyboardInterrupt:
        output.say(f"The job goes on. See it again: treadle job logs -f {job.job_id}")
        raise
    raw = job.raw_result()
    output.document({"result": json.loads(raw)}, outline(raw))


@contextmanager
def canceled_when_left(job: "Job") -> Iterator[None]:
    """Cancel a job if what is done with it comes to an end before the job does."""
    try:
        yield
    finally:
        if not job.in_terminal_state():
            job.cancel()
