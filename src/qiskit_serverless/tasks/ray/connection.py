"""The connection of a program to the cluster: Ray calls the program a driver."""

import functools
import os
import signal
import sys
import threading
import uuid
from typing import Any

import ray

from qiskit_serverless.tasks import session
from qiskit_serverless.tasks.errors import WorkersUnavailableError


def connect(address: str, node_address: str | None = None) -> None:
    """Make this process a driver of the cluster, unless it is one already.

    Args:
        address: Address of the cluster.
        node_address: Address of the node of this process, where Ray cannot find it out.

    Raises:
        WorkersUnavailableError: There is no cluster, or it refuses.
    """
    if ray.is_initialized():
        return
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address,
            namespace=f"job-{uuid.uuid4().hex}",  # drivers of equal namespace would see the named actors of each other
            log_to_driver=False,
            logging_level="ERROR",
            **({"_node_ip_address": node_address} if node_address else {}),
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise WorkersUnavailableError(f"the Ray cluster at {address} cannot be used: {error}") from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, terminate)  # Ray would turn it into an exception


def connect_ahead(address: str, node_address: str) -> None:
    """Connect a process whose program is not known yet, and have a worker warmed for it.

    Does not raise: where it fails, it says so on standard error, and the program tries again when it needs the cluster.

    Args:
        address: Address of the cluster.
        node_address: Address of the node of this process.
    """
    try:
        connect(address, node_address)
    except WorkersUnavailableError as error:
        print(error, file=sys.stderr)
        return
    _answer_init(address)
    warm(1, cores=0)


def warm(count: int, cores: float) -> None:
    """Have workers made ready, and do not wait for them.

    Args:
        count: How many.
        cores: What each asks the cluster for; a cluster that grows on demand grows for it.
    """
    from qiskit_serverless.tasks.ray import lease, session  # noqa: F401  (the session is wanted soon)

    for _ in range(count):
        lease.task().options(num_cpus=cores, num_returns="streaming", name="treadle-warm").remote(None, None)


def _answer_init(cluster: str) -> None:
    """Let the program's own `ray.init()` find the connection that is there; with arguments, it makes another one."""
    original = ray.init

    @functools.wraps(original)
    def init(address: str | None = None, **options: Any) -> Any:  # noqa: ANN401  (as Ray has it)
        if ray.is_initialized() and not options and address in (None, "auto", cluster):
            return original(address, ignore_reinit_error=True, logging_level="ERROR")
        if not session.is_made():  # tasks would be lost with the connection; Ray says that there is one
            ray.shutdown()
        return original(address or os.environ.get("RAY_ADDRESS"), **options)

    ray.init = init
