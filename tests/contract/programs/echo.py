"""Gives back what it was given, with what it saw of it, and results of its own."""

import numpy as np
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import Parameter
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.quantum_info import SparsePauliOp

from qiskit_serverless import get_arguments, save_result

arguments = get_arguments()

bell = QuantumCircuit(2)
bell.h(0)
bell.cx(0, 1)
measured = bell.copy()
measured.measure_all()
isa = generate_preset_pass_manager(optimization_level=1, basis_gates=["rz", "sx", "cz"]).run(bell)

save_result(
    {
        "given": arguments,
        "seen": {
            "circuits": [circuit.size() for circuit in arguments["circuits"]],
            "array": float(np.abs(arguments["array"]).sum()),
            "types": {name: type(value).__name__ for name, value in arguments.items()},
        },
        "bell": bell,
        "isa": isa,
        "ansatz": efficient_su2(3, reps=1),
        "phase": Parameter("phase"),
        "observable": SparsePauliOp(["XX", "ZZ"], [0.5, 1.5]),
        "array": np.arange(12, dtype=np.int32).reshape(3, 4),
        "sampled": StatevectorSampler(seed=7).run([measured], shots=100).result(),
        "estimated": StatevectorEstimator().run([(bell, SparsePauliOp(["XX", "ZZ"]))]).result(),
    }
)
