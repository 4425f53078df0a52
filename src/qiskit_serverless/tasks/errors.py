"""What can go wrong with tasks."""

from qiskit_serverless.exceptions import QiskitServerlessException


class TargetError(QiskitServerlessException, ValueError):
    """What was given to ``distribute_task`` does not make sense. The message names the key."""


class BudgetExceededError(QiskitServerlessException):
    """A task asks for more than the budget of its job, and the budget is strict."""


class BudgetWarning(UserWarning):
    """A task asks for more than there is and gets what there is."""


class NotSerializableError(QiskitServerlessException, TypeError):
    """A function, an argument or a result cannot be sent to another process. The message names it."""


class WorkersUnavailableError(QiskitServerlessException):
    """No worker process can be started."""


class GetTimeoutError(QiskitServerlessException, TimeoutError):
    """The values asked for with ``get`` were not there in time. The tasks go on."""


class TaskError(QiskitServerlessException):
    """A task failed, and its own exception cannot be raised here, so this one tells of it."""


class WorkerDiedError(TaskError):
    """The worker process of a task ended in the middle of it."""


class TaskTimeoutError(TaskError, TimeoutError):
    """A task ran longer than its ``timeout`` and was ended."""


class RemoteTraceback(Exception):  # noqa: N818  (it is shown as a cause, and never raised)
    """Carries the traceback of a worker process as text, as the ``__cause__`` of the exception it belongs to."""

    def __str__(self) -> str:
        """Return the text in the form in which Python shows a cause."""
        return f'\n"""\n{self.args[0].rstrip()}\n"""'
