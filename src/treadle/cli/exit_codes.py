"""What the exit code of a command says."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of ``treadle``; docs/cli.md lists them."""

    OK = 0
    """Done."""
    FAILED = 1
    """The operation failed, or the job ended in ERROR or CANCELED."""
    USAGE = 2
    """The command line, or something it names, does not make sense."""
    NOT_FOUND = 3
    """There is no such function or job, or it belongs to somebody else."""
    ACCESS = 4
    """The token is missing or wrong, or does not allow this."""
    UNREACHABLE = 5
    """No platform was found, or it does not answer."""
    LIMIT = 6
    """A limit of the platform is reached; try again later."""
    INTERRUPTED = 130
    """Ctrl-C."""
