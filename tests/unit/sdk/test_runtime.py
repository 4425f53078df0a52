"""A plain QiskitRuntimeService() without an account offers the fake backends; with one, nothing changes."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.primitives import BackendSamplerV2
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit.transpiler import InstructionProperties, generate_preset_pass_manager
from qiskit_ibm_runtime.fake_provider import FakeProviderForBackendV2, FakeSherbrooke
from qiskit_ibm_runtime.fake_provider.local_service import QiskitRuntimeLocalService

from qiskit_serverless.local_service import LocalService

# The library offers one backend whose properties are made up, and says so whenever it builds it.
made_up = pytest.mark.filterwarnings("ignore:Properties of fake_nighthawk:UserWarning")

PREPARED = """
from qiskit_serverless.runtime import use_local_service_without_account
use_local_service_without_account()
use_local_service_without_account()
from qiskit_ibm_runtime import QiskitRuntimeService
def kind(*args, **options):
    try:
        return type(QiskitRuntimeService(*args, **options)).__name__
    except Exception as error:
        return type(error).__name__
"""


def tell(program: str, home: Path, **variables: str) -> list[str]:
    """Run a program in a process of its own, where the class may be changed, and return the lines it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QISKIT_")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PREPARED + program],
        env={**environment, "HOME": str(home), **variables},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_without_an_account_it_is_the_local_service(home: Path) -> None:
    assert tell("print(kind(), kind(None, token=None))", home) == ["LocalService LocalService"]


def test_whoever_asks_for_something_else_gets_what_the_library_makes_of_it(home: Path) -> None:
    program = """
print(kind(channel="local"), kind(name="nobody"), kind("ibm_quantum_platform"), kind(instance="crn:v1:x"))
print(kind(token="t", url="http://127.0.0.1:9"), kind(no_such_option=1))
class Own(QiskitRuntimeService):
    pass
QiskitRuntimeService = Own
print(kind())
"""
    assert tell(program, home) == [
        "QiskitRuntimeLocalService AccountNotFoundError AccountNotFoundError AccountNotFoundError",
        "InvalidAccountError TypeError",
        "AccountNotFoundError",
    ]


def test_an_account_in_the_environment_counts(home: Path) -> None:
    assert tell("print(kind())", home, QISKIT_IBM_TOKEN="t", QISKIT_IBM_URL="http://127.0.0.1:9") != ["LocalService"]


def test_a_saved_account_counts(home: Path) -> None:
    (home / ".qiskit").mkdir()
    account = {"channel": "ibm_quantum_platform", "token": "t", "url": "http://127.0.0.1:9", "instance": None}
    (home / ".qiskit" / "qiskit-ibm.json").write_text(json.dumps({"default-ibm-quantum-platform": account}))
    assert tell("print(kind())", home) != ["LocalService"]
    (home / ".qiskit" / "qiskit-ibm.json").write_text("{}")
    assert tell("print(kind())", home) == ["LocalService"]


def test_the_log_says_that_the_backends_are_fake(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PREPARED + "QiskitRuntimeService()"],
        env={**os.environ, "HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stderr == (
        "No IBM Quantum account is configured: QiskitRuntimeService() offers fake backends, simulated here.\n"
    )


@made_up
def test_it_offers_what_the_librarys_service_offers() -> None:
    offered = {backend.name: type(backend) for backend in FakeProviderForBackendV2().backends()}
    service = LocalService()
    assert {name: type(service.backend(name)) for name in offered} == offered
    assert [backend.name for backend in service.backends(min_num_qubits=100)] == [
        backend.name for backend in QiskitRuntimeLocalService().backends(min_num_qubits=100)
    ]
    assert service.least_busy().name == service.backend().name == next(iter(offered))


def test_a_backend_is_as_good_as_a_new_one() -> None:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 2)
    circuit.measure_all()
    results = [
        generate_preset_pass_manager(2, backend=backend, seed_transpiler=5).run(circuit)
        for backend in (FakeSherbrooke(), LocalService().backend("fake_sherbrooke"))
    ]
    assert results[0] == results[1]
    backend = LocalService().backend("fake_manila")
    isa_circuit = generate_preset_pass_manager(1, backend=backend).run(circuit)
    counts = BackendSamplerV2(backend=backend).run([isa_circuit], shots=10).result()[0].data.meas.get_counts()
    assert sum(counts.values()) == 10


def test_changing_a_backend_does_not_change_the_next() -> None:
    one = LocalService().backend("fake_manila")
    one.target.add_instruction(Gate("magic", 1, []), {(0,): InstructionProperties()})
    one.set_options(shots=7)
    two = LocalService().backend("fake_manila")
    assert "magic" not in two.target.operation_names
    assert two.options.shots != 7


@made_up
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("fake_sherbroke", "Did you mean fake_sherbrooke"),
        ("ibm_torino", "Did you mean fake_torino"),
        ("xyz", "They are called fake_sherbrooke, fake_torino and so on"),
    ],
)
def test_an_unknown_backend(name: str, advice: str) -> None:
    with pytest.raises(QiskitBackendNotFoundError, match=f"only fake backends, and none is called '{name}'. {advice}"):
        LocalService().backend(name)


@made_up
def test_filters_that_nothing_fits() -> None:
    with pytest.raises(QiskitBackendNotFoundError, match="No fake backend fits these filters"):
        LocalService().backends(min_num_qubits=10_000)


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_it_travels_to_task_workers(pickler: Any) -> None:
    data = pickler.dumps(LocalService())
    assert len(data) < 100
    assert pickle.loads(data).backend("fake_manila").num_qubits == 5
