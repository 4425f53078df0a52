"""Inside a program: its arguments, its result, its stage.

Everything also works in a program that is run as an ordinary script, so that it can be debugged as one.
"""

import json
import os
import reprlib
import socket
from pathlib import Path
from typing import Any

from qiskit_serverless.exceptions import InvalidArgumentError, QiskitServerlessException
from qiskit_serverless.serialization.packing import pack
from qiskit_serverless.serialization.tags import Value
from qiskit_serverless.serialization.unpacking import load
from qiskit_serverless.statuses import STAGES


def is_running_in_serverless() -> bool:
    """Return whether this program runs as a job."""
    return "ENV_JOB_ID_GATEWAY" in os.environ


def is_trial() -> bool:
    """Return whether this job is a trial run of a provider's function."""
    return os.environ.get("ENV_ACCESS_TRIAL") == "True"


def get_function_size() -> str:
    """Return the size at which this job runs; empty if its function declares none."""
    return os.environ.get("ENV_JOB_FUNCTION_SIZE", "")


def get_compute_profile() -> str:
    """Return the compute profile with which this job runs; empty without one."""
    return os.environ.get("ENV_JOB_COMPUTE_PROFILE", "")


def get_arguments() -> dict[str, Any]:
    """Return the arguments the function was run with.

    In a program that is run as a script they come from the file that the environment variable ``ARGUMENTS_PATH`` names;
    without it there are none.

    Raises:
        QiskitServerlessException: The file cannot be read, or does not hold a JSON object, or a container of one.
    """
    path = os.environ.get("ARGUMENTS_PATH")
    if not path:
        return {}
    try:
        arguments = load(Path(path))
    except OSError as error:
        raise QiskitServerlessException(f"The arguments cannot be read from ARGUMENTS_PATH: {error}") from error
    except json.JSONDecodeError as error:
        raise QiskitServerlessException(f"The arguments in {path} are not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise QiskitServerlessException(
            f"The arguments in {path} are a {type(arguments).__name__}, not an object with names."
        )
    return arguments


def save_result(result: Value) -> bool:
    """Save what ``job.result()`` returns. Of several results the last one counts.

    In a program that is run as a script, the result goes to the file that the environment variable ``RESULTS_PATH`` names;
    without it, the beginning of the result is printed.

    Args:
        result: A value that `qiskit_serverless.serialization.dumps` can carry. With arrays, circuits and the like of
            64 KiB or more the file is a container (docs/value-container.md), else it is JSON.

    Returns:
        Whether there was a place to save it.

    Raises:
        SerializationError: Something in it cannot be stored; the message names its place and type.
    """
    pieces = pack(result, "result", "stored")
    path = os.environ.get("RESULTS_PATH")
    if not path:
        print(f"Result, not saved because this is not a job: {reprlib.repr(result)}")
        return False
    target = Path(path)
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.unfinished")
    with unfinished.open("wb") as file:
        file.writelines(pieces)
    unfinished.replace(target)
    return True


def update_status(status: str) -> bool:
    """Report the stage the program has come to; ``job.status()`` then shows it, e.g. as ``RUNNING: MAPPING``.

    Args:
        status: ``Job.MAPPING``, ``Job.OPTIMIZING_HARDWARE``, ``Job.WAITING_QPU``, ``Job.EXECUTING_QPU`` or
            ``Job.POST_PROCESSING``.

    Returns:
        Whether there was a platform to report it to.

    Raises:
        InvalidArgumentError: There is no such stage.
    """
    if status not in STAGES:
        raise InvalidArgumentError(f"{status!r} is not a stage of a job. The stages are {', '.join(STAGES)}.")
    return report({"type": "status", "sub_status": status})


def report(message: dict[str, Any]) -> bool:
    """Send a message to the supervisor of this job, as one datagram.

    Returns:
        Whether there is one.
    """
    descriptor = os.environ.get("TREADLE_REPORT_FD")
    channel = _channel(int(descriptor)) if descriptor else None
    if channel is None:
        return False
    with channel:
        channel.sendall(json.dumps(message).encode())
    return True


def _channel(descriptor: int) -> socket.socket | None:
    """Return the way to the supervisor. A process that the program started has its environment, but not its descriptors."""
    try:
        channel = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return None
    if (channel.family, channel.type) != (socket.AF_UNIX, socket.SOCK_SEQPACKET):
        channel.close()
        return None
    return channel
