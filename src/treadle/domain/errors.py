"""The errors of the platform: each has a code, an HTTP status, a message, and says what to do."""

from typing import Any, ClassVar


class TreadleError(Exception):
    """Base of all errors the platform raises on purpose.

    Attributes:
        code: Stable name for programs.
        http_status: Status of the answer that carries it.
        retry_after: Seconds after which the same may be asked again, because nothing was done; None where that is not so.
        hint: One sentence of what to do, or an empty string.
        extra: Further keys of the JSON answer.
    """

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    retry_after: ClassVar[int | None] = None

    def __init__(self, message: str, *, hint: str = "", extra: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.extra = extra or {}


class InvalidError(TreadleError):
    """What was sent does not make sense."""

    code = "invalid"
    http_status = 400


class UnauthenticatedError(TreadleError):
    """The request carries no token, or one that is not valid."""

    code = "unauthenticated"
    http_status = 401


class ForbiddenError(TreadleError):
    """The caller may know of the thing, but not do this with it."""

    code = "forbidden"
    http_status = 403


class NotFoundError(TreadleError):
    """It does not exist, or belongs to somebody else."""

    code = "not_found"
    http_status = 404


class DisabledError(TreadleError):
    """The operator has taken the function out of service for a while."""

    code = "disabled"
    http_status = 423


class StaleAttemptError(TreadleError):
    """An attempt that is over, or was replaced by a newer one, tried to write."""

    code = "stale_attempt"
    http_status = 409


class ConflictError(TreadleError):
    """What was sent does not fit what is here; sent anew in whole it may."""

    code = "conflict"
    http_status = 409


class LimitError(TreadleError):
    """A limit is reached."""

    code = "limit"
    http_status = 429


class EngineUnavailableError(TreadleError):
    """The engine cannot start anything now."""

    code = "engine_unavailable"
    http_status = 503


class SolverUnavailableError(TreadleError):
    """Dependencies cannot be solved now, for instance because the package index does not answer."""

    code = "solver_unavailable"
    http_status = 503


class BuildFailedError(TreadleError):
    """The environment of a function cannot be built.

    Attributes:
        log: What the build printed.
    """

    code = "environment_not_built"

    def __init__(self, message: str, *, hint: str = "", log: str = "") -> None:
        super().__init__(message, hint=hint)
        self.log = log


class BuilderUnavailableError(TreadleError):
    """An environment cannot be built now for reasons of the machine, for instance a full disk."""

    code = "builder_unavailable"
    http_status = 503


class EnvironmentUnusableError(TreadleError):
    """The environment of a function is built, but programs cannot be started in it."""

    code = "environment_unusable"


class EnvironmentAwaitedError(TreadleError):
    """The environment of a function is being built again; its jobs wait."""

    code = "environment_awaited"


class StorageError(TreadleError):
    """The database or the object store refused a write, for instance because the disk is full."""

    code = "storage"
    http_status = 507


class StorageUnavailableError(StorageError):
    """The database or the object store cannot be reached now, or refuses the platform; what was asked can be repeated."""

    code = "storage_unavailable"
    http_status = 503
    retry_after: ClassVar[int | None] = 1


class OutcomeUnknownError(StorageUnavailableError):
    """The connection to the database was lost in the middle of a commit: what was to be stored is there, or not."""

    code = "outcome_unknown"
    retry_after = None


class UnsealError(TreadleError):
    """A sealed value cannot be read: the key is not the one it was sealed with."""

    code = "unseal"


class TooLargeError(TreadleError):
    """A request's body is larger than the platform takes."""

    code = "too_large"
    http_status = 413


class UnsupportedMediaTypeError(TreadleError):
    """A request's body is of a kind that the platform does not read."""

    code = "unsupported_media_type"
    http_status = 415


class HomeFolderError(TreadleError):
    """The platform's home folder cannot be used."""

    code = "home_folder"


class SettingsError(TreadleError):
    """A setting of the platform cannot be used."""

    code = "settings"


class PortTakenError(TreadleError):
    """The gateway cannot listen where it was told to."""

    code = "port_taken"
