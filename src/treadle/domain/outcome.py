"""What a supervisor tells the platform when its program has ended: facts only, no judgement."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Ending(StrEnum):
    """How the program came to its end."""

    EXITED = "exited"
    """The program ended by itself, with an exit code or by a signal from elsewhere."""
    STOPPED = "stopped"
    """The supervisor was told to stop it."""
    TIMED_OUT = "timed_out"
    """The supervisor ended it at its wall-time limit."""
    NOT_STARTED = "not_started"
    """The supervisor could not start it; `Outcome.failure` says why."""
    LOST = "lost"
    """A supervisor found the folder of an attempt whose supervisor had gone without recording an outcome."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception that ended a program (or its start), as the program's own process saw it.

    Attributes:
        type: Name of the exception class, with its module unless it is a builtin.
        message: ``str(exception)``, cut to a reasonable length.
        file: File of the user's code that raised, relative to the working folder where it lies inside; None if unknown.
        line: Line number in `file`.
        traceback: The formatted traceback, cut to a reasonable length.
        details: What the exception itself carries and the diagnosis needs: ``{"module": name}`` of a
            ModuleNotFoundError, ``{"errno": number}`` of an OSError, ``{"path": text}`` of a value that cannot be stored,
            ``{"code": text}`` of a ServerlessError, ``{"files": text}`` of files that could not be stored.
    """

    type: str
    message: str
    file: str | None = None
    line: int | None = None
    traceback: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one attempt.

    Attributes:
        ending: How the end came about.
        exit_code: Exit code of the program, None if a signal ended it or it never ran.
        signal: Number of the signal that ended it, else None.
        failure: The exception that ended it, if it told of one.
        has_result: Whether a result was saved and shipped.
        wall_seconds: Time from start to end of the program.
        cpu_seconds: User and system time of the program and its task workers.
        peak_memory: Largest resident size of one of its processes, in bytes.
    """

    ending: Ending
    exit_code: int | None = None
    signal: int | None = None
    failure: Failure | None = None
    has_result: bool = False
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Outcome":
        """Read what `to_dict` wrote.

        Raises:
            TypeError: A field is missing or unknown.
            ValueError: The ending is not one of `Ending`.
        """
        failure = fields.get("failure")
        return cls(**{**fields, "ending": Ending(fields["ending"]), "failure": Failure(**failure) if failure else None})
