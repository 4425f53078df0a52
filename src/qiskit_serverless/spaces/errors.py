"""What can go wrong with the files of a job."""

from qiskit_serverless.exceptions import QiskitServerlessException


class FilesError(QiskitServerlessException):
    """Files of the job's spaces could not be brought or sent back; the message says which and why."""


class JobOverError(FilesError):
    """The platform wants nothing more from this job: it has ended, or another attempt at it runs."""
