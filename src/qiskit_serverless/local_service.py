"""The runtime client's local testing service, made quick.

The library's own builds all of its nearly seventy fake backends to find one by name, 0.15 s each time, and each backend then
builds its target, 0.07 to 0.2 s. This one builds the one that is asked for, once in a process, and hands out copies that
are as independent as new ones, in 5 to 10 ms. Import it late: it imports Qiskit.
"""

import difflib
import pickle
from functools import cache

import qiskit
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime import fake_provider
from qiskit_ibm_runtime.fake_provider.fake_backend import FakeBackendV2
from qiskit_ibm_runtime.fake_provider.local_service import QiskitRuntimeLocalService

from qiskit_serverless.serialization.tags import Value

# Before Qiskit 2, whose targets live in compiled code, unpickling a target takes longer than building it.
_COPIES_ARE_QUICK = int(qiskit.__version__.partition(".")[0]) >= 2


class LocalService(QiskitRuntimeLocalService):  # type: ignore[misc]  # it has no types
    """A service whose backends are the fake backends of qiskit-ibm-runtime."""

    def backends(self, name: str | None = None, *args: Value, **filters: Value) -> list[FakeBackendV2]:
        """Return the fake backends that fit; see the library's class for the filters.

        Raises:
            QiskitBackendNotFoundError: None fits; the message names those that are like it.
        """
        if name in _backend_classes() and not args and not filters:
            return [_backend(name)]
        try:
            found: list[FakeBackendV2] = super().backends(name, *args, **filters)
        except QiskitBackendNotFoundError as error:
            raise QiskitBackendNotFoundError(_not_found(name)) from error
        return found


def _backend(name: str) -> FakeBackendV2:
    return pickle.loads(_prototype(name)) if _COPIES_ARE_QUICK else _backend_classes()[name]()  # noqa: S301  (our own bytes)


@cache
def _prototype(name: str) -> bytes:
    backend = _backend_classes()[name]()
    _ = backend.target  # built on first use, and most of what a backend costs
    return pickle.dumps(backend)


@cache
def _backend_classes() -> dict[str, type[FakeBackendV2]]:
    kinds = [
        kind for kind in vars(fake_provider).values() if isinstance(kind, type) and issubclass(kind, FakeBackendV2)
    ]
    names = {kind: getattr(kind, "backend_name", None) for kind in kinds}  # their base class has none
    return {name: kind for kind, name in names.items() if name}


def _not_found(name: str | None) -> str:
    if name is None:
        return "No fake backend fits these filters."
    alike = difflib.get_close_matches(name.replace("ibm_", "fake_"), _backend_classes(), n=3)
    advice = (
        f"Did you mean {' or '.join(alike)}?" if alike else "They are called fake_sherbrooke, fake_torino and so on."
    )
    return f"No account is configured, so there are only fake backends, and none is called {name!r}. {advice}"
