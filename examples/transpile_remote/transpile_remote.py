"""Fit circuits to a quantum computer: one task per circuit, as many at a time as the job's budget allows.

Arguments: `circuit_list` (circuits), `backend` (its name), `optimization_level` (0 to 3).
Result: `circuits`, in the order they came, and `metadata` with the time it took.
"""

from time import perf_counter

from qiskit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import QiskitRuntimeService

from qiskit_serverless import Job, distribute_task, get, get_arguments, save_result, update_status, wait

service = QiskitRuntimeService()


@distribute_task(target={"cpu": 1})
def transpile_remote(circuit: QuantumCircuit, backend_name: str, optimization_level: int) -> QuantumCircuit:
    """Return the circuit in the instructions and the layout of the backend."""
    pass_manager = generate_preset_pass_manager(
        optimization_level=optimization_level, backend=service.backend(backend_name)
    )
    return pass_manager.run(circuit)


arguments = get_arguments()
circuits = arguments["circuit_list"]
backend_name = arguments["backend"]
optimization_level = arguments.get("optimization_level", 1)

print(f"{len(circuits)} circuits for {backend_name} at optimization level {optimization_level}", flush=True)
update_status(Job.OPTIMIZING_HARDWARE)

started = perf_counter()
references = [transpile_remote(circuit, backend_name, optimization_level) for circuit in circuits]

waiting = references
while waiting:
    _, waiting = wait(waiting)
    print(f"{len(references) - len(waiting)} of {len(references)} are ready", flush=True)

isa_circuits = get(references)
seconds = perf_counter() - started
print(f"done in {seconds:.2f} s", flush=True)

save_result(
    {
        "circuits": isa_circuits,
        "metadata": {"resource_usage": {"RUNNING: OPTIMIZING_FOR_HARDWARE": {"CPU_TIME": seconds, "QPU_TIME": 0}}},
    }
)
