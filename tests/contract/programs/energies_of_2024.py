"""Tasks with a target, a shared object, and arguments from a dictionary."""

from qiskit import QuantumCircuit
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp

from qiskit_serverless import distribute_task, get, get_arguments, put, save_result


@distribute_task(target={"cpu": 1, "mem": 64 * 1024**2})
def energy(circuit: QuantumCircuit, bond: float) -> float:
    hamiltonian = SparsePauliOp(["ZZ", "XX"], [bond, 1.0])
    return float(StatevectorEstimator().run([(circuit, hamiltonian)]).result()[0].data.evs)


bell = QuantumCircuit(2)
bell.h(0)
bell.cx(0, 1)
shared = put(bell)
references = [energy(shared, bond) for bond in get_arguments()["bonds"]]
energies = get(references)
print("lowest energy:", round(min(energies), 3))
save_result({"energies": [round(each, 6) for each in energies]})
