"""A plain ``QiskitRuntimeService()`` without an account means the local fake backends.

qiskit-ibm-runtime has a local testing service, but only ``channel="local"`` selects it. `use_local_service_without_account`
lets a program that says ``QiskitRuntimeService()`` run on a platform where no IBM Quantum account is configured. With an
account, from the environment or saved, nothing changes; nor does it for who gives an argument.
"""

import logging
import os

from qiskit_serverless.serialization.tags import Value

_log = logging.getLogger(__name__)


def use_local_service_without_account() -> None:
    """Let ``QiskitRuntimeService()`` stand for the local service where no account is configured.

    It replaces the class's ``__new__`` and runs nothing. Calling it again changes nothing.
    """
    from qiskit_ibm_runtime import QiskitRuntimeService

    if "_library_new" in vars(QiskitRuntimeService):
        return
    QiskitRuntimeService._library_new = staticmethod(QiskitRuntimeService.__new__)
    QiskitRuntimeService.__new__ = staticmethod(_new_service)


def _new_service(kind: Value, *args: Value, **options: Value) -> Value:
    is_plain = "_library_new" in vars(kind) and all(given is None for given in (*args, *options.values()))
    if not is_plain or has_account(kind):
        return kind._library_new(kind, *args, **options)
    return local_service()


def local_service() -> Value:
    """Return the service of simulated backends, and say that it is one."""
    from qiskit_serverless.local_service import LocalService

    _log.warning("No IBM Quantum account is configured: QiskitRuntimeService() offers fake backends, simulated here.")
    return LocalService()


def has_account(kind: Value) -> bool:
    """Return whether an IBM Quantum account is configured, in the environment or saved.

    Args:
        kind: The class ``QiskitRuntimeService``.
    """
    return bool(os.environ.get("QISKIT_IBM_TOKEN")) or bool(kind.saved_accounts())
