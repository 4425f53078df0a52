"""A plain QiskitRuntimeService() without an account offers the fake backends; with one, nothing changes."""

import json
import os
import pickle
import subprocess
import sys
from typing import Any

import cloudpickle
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.primitives import BackendSamplerV2
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit.transpiler import InstructionProperties, generate_preset_pass_manager
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke
from qiskit_ibm_runtime.fake_provider.local_service import QiskitRuntimeLocalService

from qiskit_serverless.local_service import LocalService

# The library offers one backend whose properties are made up, and says so whenever it builds it.
made_up = pytest.mark.filterwarnings("ignore:Properties of fake_nighthawk:UserWarning")

# What the class makes of a call, in a process of its own: the class is changed for good. The real service's construction
# would go to the network, so it ends there.
PROGRAM = """
import json, os, pathlib
from qiskit_serverless.runtime import use_local_service_without_account
use_local_service_without_account()
use_local_service_without_account()
from qiskit_ibm_runtime import QiskitRuntimeService
QiskitRuntimeService.__init__ = lambda self, *args, **options: None

class Own(QiskitRuntimeService):
    pass

def kinds():
    return {
        "plain": type(QiskitRuntimeService()).__name__,
        "with nothing given": type(QiskitRuntimeService(None, token=None)).__name__,
        "local": type(QiskitRuntimeService(channel="local")).__name__,
        "named account": type(QiskitRuntimeService(name="nobody")).__name__,
        "channel": type(QiskitRuntimeService("ibm_quantum_platform")).__name__,
        "instance": type(QiskitRuntimeService(instance="crn:v1:x")).__name__,
        "own class": type(Own()).__name__,
    }

seen = {"nothing": kinds()}
os.environ["QISKIT_IBM_TOKEN"] = "t"
seen["environment"] = kinds()
del os.environ["QISKIT_IBM_TOKEN"]
file = pathlib.Path.home() / ".qiskit" / "qiskit-ibm.json"
file.parent.mkdir(exist_ok=True)
account = {"channel": "ibm_quantum_platform", "token": "t", "url": "https://cloud.ibm.com"}
for name, accounts in (("saved account", {"default-ibm-quantum-platform": account}), ("empty file", {})):
    file.write_text(json.dumps(accounts))
    seen[name] = kinds()
print(json.dumps(seen))
"""
LOCAL = "LocalService"
REAL = "QiskitRuntimeService"
ASKED_FOR = {
    "local": "QiskitRuntimeLocalService",
    "named account": REAL,
    "channel": REAL,
    "instance": REAL,
    "own class": "Own",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the program says: kinds of services by what is configured, and its standard error."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("QISKIT_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**variables, "HOME": str(tmp_path_factory.mktemp("user"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.mark.parametrize("configured", ["nothing", "empty file"])
def test_without_an_account_the_plain_service_is_the_local_one(told: Any, configured: str) -> None:
    assert told[0][configured] == {"plain": LOCAL, "with nothing given": LOCAL, **ASKED_FOR}


@pytest.mark.parametrize("configured", ["environment", "saved account"])
def test_with_an_account_nothing_changes(told: Any, configured: str) -> None:
    assert told[0][configured] == {"plain": REAL, "with nothing given": REAL, **ASKED_FOR}


def test_the_log_says_that_the_backends_are_fake(told: Any) -> None:
    words = "No IBM Quantum account is configured: QiskitRuntimeService() offers fake backends, simulated here."
    assert told[1].splitlines() == [words] * 4


@made_up
def test_it_offers_what_the_librarys_service_offers() -> None:
    offered = {backend.name: type(backend) for backend in QiskitRuntimeLocalService().backends()}
    assert {backend.name: type(backend) for backend in LocalService().backends()} == offered
    for name in ("fake_manila", "fake_fractional", "fake_brisbane"):
        assert type(LocalService().backend(name)) is offered[name]
    assert LocalService().backend().name == next(iter(offered))
    assert LocalService().backend("aer_simulator").name == "aer_simulator"


def test_it_takes_the_filters_of_the_real_service() -> None:
    service = LocalService()
    large = service.backends(min_num_qubits=100, operational=True, simulator=False, instance="crn:v1:x")
    assert min(backend.num_qubits for backend in large[:2]) >= 100
    assert {backend.name for backend in large} < {backend.name for backend in service.backends()}
    assert service.least_busy(operational=True, simulator=False, min_num_qubits=100).name == large[0].name
    assert [
        backend.name for backend in service.backends(filters=lambda backend: backend.name.startswith("fake_sh"))
    ] == ["fake_sherbrooke"]
    assert {backend._supports_dynamic_circuits() for backend in service.backends(dynamic_circuits=True)} == {True}
    assert service.backend("fake_manila", "crn:v1:x", use_fractional_gates=True).name == "fake_manila"


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


@pytest.mark.parametrize("filters", [{"min_num_qubits": 10_000}, {"operational": False}])
def test_filters_that_nothing_fits(filters: dict[str, Any]) -> None:
    with pytest.raises(QiskitBackendNotFoundError, match="No fake backend fits these filters"):
        LocalService().backends(**filters)


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_it_travels_to_task_workers(pickler: Any) -> None:
    data = pickler.dumps(LocalService())
    assert len(data) < 100
    assert pickle.loads(data).backend("fake_manila").num_qubits == 5
