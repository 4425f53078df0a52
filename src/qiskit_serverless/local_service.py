"""The runtime client's local testing service, made quick, and called as the real service is called.

The library's own builds all of its nearly seventy fake backends to find one by name, 0.15 s each time, and each backend then
builds its target, 0.07 to 0.2 s. This one builds the one that is asked for, once in a process, and hands out copies that
are as independent as new ones, in 5 to 10 ms. It also takes the options of `QiskitRuntimeService`, so that a program that
says ``least_busy(operational=True, simulator=False)`` runs. Import it late: it imports Qiskit.
"""

import difflib
import pickle
import warnings
from collections.abc import Callable
from functools import cache

import qiskit
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit.providers.providerutils import filter_backends
from qiskit_ibm_runtime import fake_provider
from qiskit_ibm_runtime.fake_provider.fake_backend import FakeBackendV2
from qiskit_ibm_runtime.fake_provider.local_service import QiskitRuntimeLocalService

from qiskit_serverless.serialization.tags import Value

# Before Qiskit 2, whose targets live in compiled code, unpickling a target takes longer than building it.
_COPIES_ARE_QUICK = int(qiskit.__version__.partition(".")[0]) >= 2

# Options of the real service that make no difference here.
_NO_DIFFERENCE = frozenset({"instance", "use_fractional_gates", "calibration_id", "include_mocks"})


class LocalService(QiskitRuntimeLocalService):  # type: ignore[misc]  # it has no types
    """A service whose backends are the fake backends of qiskit-ibm-runtime."""

    def backend(self, name: str | None = None, *_: Value, **options: Value) -> FakeBackendV2:
        """Return the fake backend with this name; further options are those of the real service.

        Raises:
            QiskitBackendNotFoundError: There is none; the message names those that are called like it.
        """
        return self.backends(name, **options)[0]

    def backends(
        self,
        name: str | None = None,
        min_num_qubits: int | None = None,
        instance: str | None = None,
        dynamic_circuits: bool | None = None,
        filters: Callable[[FakeBackendV2], bool] | None = None,
        **attributes: Value,
    ) -> list[FakeBackendV2]:
        """Return the fake backends that fit.

        Args:
            name: Only the one with this name.
            min_num_qubits: Only those with at least as many qubits.
            instance: Makes no difference.
            dynamic_circuits: Only those that can, or cannot, run dynamic circuits.
            filters: Only those for which it returns True.
            **attributes: Only those whose configuration or status has these values, e.g. ``operational=True``.

        Raises:
            QiskitBackendNotFoundError: None fits.
        """
        wanted = {key: value for key, value in attributes.items() if key not in _NO_DIFFERENCE}
        found = [_backend(name)] if name else _all_backends()
        if min_num_qubits:
            found = [backend for backend in found if backend.configuration().n_qubits >= min_num_qubits]
        if dynamic_circuits is not None:
            found = [backend for backend in found if backend._supports_dynamic_circuits() == dynamic_circuits]
        fitting: list[FakeBackendV2] = filter_backends(found, filters=filters, **wanted)
        if not fitting:
            raise QiskitBackendNotFoundError("No fake backend fits these filters.")
        return fitting

    def least_busy(
        self,
        min_num_qubits: int | None = None,
        instance: str | None = None,
        filters: Callable[[FakeBackendV2], bool] | None = None,
        **attributes: Value,
    ) -> FakeBackendV2:
        """Return a fake backend that fits; none of them is ever busy. For the options see `backends`."""
        return self.backends(min_num_qubits=min_num_qubits, filters=filters, **attributes)[0]


def _backend(name: str) -> FakeBackendV2:
    if name == "aer_simulator":
        return QiskitRuntimeLocalService().backend(name)
    if name not in _backend_classes():
        raise QiskitBackendNotFoundError(_not_found(name))
    return pickle.loads(_prototype(name)) if _COPIES_ARE_QUICK else _backend_classes()[name]()  # noqa: S301  (our own bytes)


def _all_backends() -> list[FakeBackendV2]:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # of a backend that says, though nobody asked for it, that it is made up
        return [build() for build in _backend_classes().values()]


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


def _not_found(name: str) -> str:
    alike = difflib.get_close_matches(name.replace("ibm_", "fake_"), _backend_classes(), n=3)
    advice = (
        f"Did you mean {' or '.join(alike)}?" if alike else "They are called fake_sherbrooke, fake_torino and so on."
    )
    return f"No account is configured, so there are only fake backends, and none is called {name!r}. {advice}"
