"""Functions whose calls are tasks."""

import functools
import inspect
import math
import uuid
from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from typing import Any, NamedTuple, overload

from qiskit_serverless.tasks import session
from qiskit_serverless.tasks.errors import NotSerializableError, TargetError
from qiskit_serverless.tasks.references import TaskReference, Value
from qiskit_serverless.tasks.segments import SharedMemory
from qiskit_serverless.tasks.serializer import Payload, dumps, is_found_by_name
from qiskit_serverless.tasks.target import Target, unknown_key


class Options(NamedTuple):
    """How the tasks of a function run.

    Attributes:
        name: Shown in messages and errors.
        target: What each call uses while it runs.
        retries: How many times a call that failed is run again.
        timeout: Longest run of a call in seconds, or None.
    """

    name: str
    target: Target
    retries: int
    timeout: float | None


class DistributedFunction:
    """A function whose calls are tasks. Calling it starts a task and returns its reference at once.

    The function is pickled at its first call, with what it uses of the program's main module: globals changed later
    are not seen by tasks.

    Attributes:
        function: The function itself.
        options: How its tasks run.
        id: Its name between processes.
    """

    function: Callable[..., Any]
    options: Options
    id: str

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self.__setstate__({"function": function, "options": options, "id": uuid.uuid4().hex})

    def __call__(self, *args: Value, **kwargs: Value) -> TaskReference[Any]:
        """Start a task.

        Raises:
            NotSerializableError: The function or an argument cannot be sent to a worker.
            BudgetExceededError: It asks for more than the budget of the job, and the budget is strict.
        """
        return session.current().submit(self, args, kwargs)

    def local(self, *args: Value, **kwargs: Value) -> Value:
        """Call the function itself, here and now."""
        return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> "DistributedFunction | BoundFunction":
        return self if instance is None else BoundFunction(self, instance)

    def __repr__(self) -> str:
        return f"<distributed function {self.options.name}>"

    def __setstate__(self, state: dict[str, Any]) -> None:
        functools.update_wrapper(self, state["function"])
        self.__dict__.update(state)
        self.registration: tuple[session.Session, Any] | None = None  # what the session made of it

    def __reduce_ex__(self, protocol: Any) -> str | tuple[Any, ...]:  # noqa: ANN401  (as object has it)
        path = str(getattr(self.function, "__qualname__", ""))
        if is_found_by_name(self, self.__module__, path):
            return path
        return _new, (), {"function": self.function, "options": self.options, "id": self.id}

    def pack(self, pool: SharedMemory) -> Payload:
        """Return the function in its travelling form.

        Raises:
            NotSerializableError: It cannot be pickled; the message names what it uses.
        """
        try:
            return dumps(self, pool)
        except NotSerializableError as error:
            culprits = "".join(f"; it uses {name!r}: {reason}" for name, reason in self._unserializable(pool))
            raise NotSerializableError(
                f"task {self.options.name!r} cannot be sent to a worker{culprits or f': {error}'}"
            ) from error

    def _unserializable(self, pool: SharedMemory) -> Iterator[tuple[str, NotSerializableError]]:
        if not inspect.isfunction(self.function):
            return
        used = inspect.getclosurevars(self.function)
        for name, value in {**used.globals, **used.nonlocals}.items():
            try:
                if value is not self:
                    dumps(value, pool)
            except NotSerializableError as error:
                yield name, error


def _new() -> DistributedFunction:
    return DistributedFunction.__new__(DistributedFunction)


class BoundFunction:
    """A distributed method of one object: the object travels as the first argument."""

    def __init__(self, function: DistributedFunction, instance: object) -> None:
        self._function = function
        self._instance = instance

    def __call__(self, *args: Value, **kwargs: Value) -> TaskReference[Any]:
        """Start a task."""
        return self._function(self._instance, *args, **kwargs)

    def local(self, *args: Value, **kwargs: Value) -> Value:
        """Call the method itself, here and now."""
        return self._function.local(self._instance, *args, **kwargs)


@overload
def distribute_task(target: Callable[..., Any], /) -> DistributedFunction: ...


@overload
def distribute_task(
    target: Target | Mapping[str, Any] | None = None,
    *,
    retries: int = 0,
    timeout: float | None = None,
    name: str | None = None,
) -> Callable[[Callable[..., Any]], DistributedFunction]: ...


def distribute_task(
    target: Callable[..., Any] | Target | Mapping[str, Any] | None = None,
    *,
    retries: int = 0,
    timeout: float | None = None,
    name: str | None = None,
    **unknown: object,
) -> DistributedFunction | Callable[[Callable[..., Any]], DistributedFunction]:
    """Turn a function into one whose calls are tasks that run beside the program.

    Use it as ``@distribute_task`` or with arguments, as in ``@distribute_task(target={"cpu": 2})``.

    Args:
        target: What each call uses while it runs: a `Target` or a dictionary of its attributes. One CPU by default.
        retries: How many times a call that failed is run again, whatever the failure: an exception, a worker that died,
            a timeout.
        timeout: Longest run of a call in seconds, counted from its start. Its worker is ended then.
        name: Shown in messages and errors; the name of the function by default.
        **unknown: Nothing else is accepted.

    Raises:
        TargetError: An argument or a key of the target is unknown or does not make sense. The message names it.
        TypeError: What is decorated is not a function.
    """
    for key in unknown:
        raise TargetError(unknown_key("distribute_task", key, ("target", "retries", "timeout", "name")))
    if callable(target):
        return distribute_task()(target)
    checked = _target(target)
    _check_options(retries, timeout, name)

    def decorate(function: Callable[..., Any]) -> DistributedFunction:
        _check_function(function)
        return DistributedFunction(function, Options(name or _name(function), checked, retries, timeout))

    return decorate


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _target(target: object) -> Target:
    if isinstance(target, Target):
        return target
    if target is None:
        return Target()
    if isinstance(target, Mapping):
        return Target.from_dict(target)
    raise TargetError(f"distribute_task: 'target' must be a Target or a dictionary, not {target!r}")


def _check_options(retries: object, timeout: object, name: object) -> None:
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise TargetError(f"distribute_task: 'retries' must be a whole number that is not negative, not {retries!r}")
    if timeout is not None and (
        isinstance(timeout, bool) or not isinstance(timeout, Real) or not math.isfinite(timeout) or timeout <= 0
    ):
        raise TargetError(f"distribute_task: 'timeout' must be a positive number of seconds, not {timeout!r}")
    if name is not None and not isinstance(name, str):
        raise TargetError(f"distribute_task: 'name' must be a text, not {name!r}")


def _check_function(function: object) -> None:
    if isinstance(function, classmethod):
        raise TypeError("put @distribute_task below @classmethod, not above it")
    if isinstance(function, type) or not callable(function):
        raise TypeError(f"@distribute_task is for functions, not for {function!r}")
    if isinstance(function, DistributedFunction):
        raise TypeError(f"{function!r} is distributed already")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{_name(function)!r} is asynchronous; use asyncio.run inside an ordinary function")
