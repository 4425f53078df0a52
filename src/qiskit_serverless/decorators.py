"""Running a plain Python function as a job."""

import functools
import inspect
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiskit_serverless.definitions import QiskitFunction
from qiskit_serverless.exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from qiskit_serverless.sync.client import ServerlessClient
    from qiskit_serverless.sync.jobs import Job

_PICKLE = "distributed_function.pkl"
_ENTRYPOINT = "distributed_function.py"
_PROGRAM = f'''\
"""Runs a pickled function with the arguments of the job, and saves what it returns."""

from pathlib import Path

import cloudpickle

from qiskit_serverless import get_arguments, save_result

function = cloudpickle.loads((Path(__file__).parent / "{_PICKLE}").read_bytes())
result = function(**get_arguments())
if result is not None:
    save_result(result)
'''


def distribute_qiskit_function(
    provider: "ServerlessClient | None" = None,
    dependencies: list[str] | None = None,
    working_dir: str | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., "Job"]]:
    """Make a Python function run as a job: a call uploads it, runs it with the arguments of the call, and returns the job.

    The function and its module travel pickled, so the platform's Python must be of the same minor version as yours.

    Args:
        provider: The client to run it with, by default ``ServerlessClient()``.
        dependencies: Requirements of the function, e.g. ``pendulum==3.0.0``.
        working_dir: A folder of files that it needs, which are uploaded with it.

    Raises:
        InvalidArgumentError: What is decorated is no function, or it is called with arguments that are not named.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., "Job"]:
        if not inspect.isfunction(function):
            raise InvalidArgumentError(f"Only functions can be run as jobs, not {function!r}.")

        @functools.wraps(function)
        def call(*args: object, **arguments: object) -> "Job":
            if args:
                raise InvalidArgumentError(
                    f"{function.__name__}() as a job takes named arguments only, not {args[0]!r}."
                )
            client = provider or _client()
            with _folder_of(function, working_dir) as folder:
                program = client.upload(
                    QiskitFunction(
                        title=function.__name__,
                        entrypoint=_ENTRYPOINT,
                        working_dir=str(folder),
                        dependencies=dependencies,
                        description=inspect.getdoc(function),
                    )
                )
            return client.run(program, arguments)

        return call

    return decorate


def distribute_program(
    provider: "ServerlessClient | None" = None,
    dependencies: list[str] | None = None,
    working_dir: str | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., "Job"]]:
    """Do what `distribute_qiskit_function` does."""
    warnings.warn("distribute_program is called distribute_qiskit_function now.", DeprecationWarning, stacklevel=2)
    return distribute_qiskit_function(provider, dependencies, working_dir)


def _client() -> "ServerlessClient":
    from qiskit_serverless.sync.client import ServerlessClient

    return ServerlessClient()


@contextmanager
def _folder_of(function: Callable[..., Any], working_dir: str | None) -> Iterator[Path]:
    """Make a folder of a function, and of the files it needs."""
    with tempfile.TemporaryDirectory(prefix="treadle-") as parent:
        folder = Path(parent, "function")
        if working_dir is None:
            folder.mkdir()
        else:
            shutil.copytree(working_dir, folder)
        (folder / _PICKLE).write_bytes(_pickled(function))
        (folder / _ENTRYPOINT).write_text(_PROGRAM)
        yield folder


def _pickled(function: Callable[..., Any]) -> bytes:
    """Return a function as bytes, with what its module defines: the platform cannot import that."""
    import cloudpickle

    module = sys.modules[function.__module__]
    if module.__name__ == "__main__":
        return bytes(cloudpickle.dumps(function))
    cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(function))
    finally:
        cloudpickle.unregister_pickle_by_value(module)
