"""The end of a task that did not return: its exception on the way to whoever asks for the value."""

import pickle
import traceback
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import cloudpickle

from qiskit_serverless.tasks.errors import RemoteTraceback, TaskError

_PACKAGE = str(Path(__file__).parent)


class Failure(NamedTuple):
    """An exception in its travelling form.

    Attributes:
        exception: The pickled exception.
        traceback: The traceback in the worker as text; empty if no code of the user was involved.
        notes: Further sentences for the reader.
    """

    exception: bytes
    traceback: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """Return the failure for an exception of our own."""
        return cls(pickle.dumps(error, 5))

    @classmethod
    def caught(cls, error: BaseException, where: str) -> "Failure":
        """Return the failure for what a task raised.

        Args:
            error: The exception. One that would end the program that asks for the value (``SystemExit`` ...), or that cannot be
                pickled, is told of by a `TaskError`.
            where: The task and its process, for the first line of the traceback.
        """
        text = f"in {where}\n{_format(error)}"
        return cls(_pickled(error) or pickle.dumps(TaskError(_summary(error, where)), 5), text)

    def for_dependent(self, name: str, dependency: str) -> "Failure":
        """Return the failure of a task that was not run because one of its arguments had failed."""
        note = f"task {name!r} was not run: its argument is the result of task {dependency!r}, which failed"
        return self._replace(notes=(*self.notes, note))

    def to_exception(self) -> Exception:
        """Return a new exception to raise, with the worker's traceback as its cause."""
        error = self._load()
        if self.traceback:
            error.__cause__ = RemoteTraceback(self.traceback)
        for note in self.notes:
            error.add_note(note)
        return error

    def _load(self) -> Exception:
        try:
            error = pickle.loads(self.exception)  # noqa: S301  (from our own process tree)
        except (
            ImportError,
            AttributeError,
        ) as problem:  # the worker could load it, so its type is not to be found here
            return TaskError(f"a task failed, and the type of its exception cannot be loaded here: {problem}")
        return error if isinstance(error, Exception) else TaskError(f"a task failed with {error!r}")


def _format(error: BaseException) -> str:
    return "".join(traceback.format_exception(type(error), error, _user_frames(error.__traceback__)))


def _user_frames(frames: TracebackType | None) -> TracebackType | None:
    """Return the traceback without our own frames at its start, or all of it if there are no others."""
    inner = frames
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        inner = inner.tb_next
    return inner or frames


def _pickled(error: BaseException) -> bytes | None:
    """Return the pickled exception, or None if it would not come back as it is."""
    if not isinstance(error, Exception):
        return None
    try:
        data: bytes = cloudpickle.dumps(error, 5)
        same = type(pickle.loads(data)) is type(error)  # noqa: S301  (our own bytes)
    except Exception:  # noqa: BLE001  (a constructor of the user's type may raise anything; then a TaskError tells of it)
        return None
    return data if same else None


def _summary(error: BaseException, where: str) -> str:
    if isinstance(error, SystemExit):
        return f"sys.exit({'' if error.code is None else repr(error.code)}) was called in {where}"
    return f"{traceback.format_exception_only(error)[-1].strip()} (in {where})"
