"""Jobs: how they stand, what they print, what they leave behind."""

from qiskit_serverless.records import JobEvent, JobUpdate
from qiskit_serverless.sync.jobs import Job

__all__ = ["Job", "JobEvent", "JobUpdate"]
