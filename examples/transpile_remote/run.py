"""Upload the program beside this file, run it with random circuits, show what comes back.

Start a platform first (`treadle up`), then run this: `python examples/transpile_remote/run.py`.
"""

from pathlib import Path

from qiskit.circuit.random import random_circuit

from qiskit_serverless import QiskitFunction, ServerlessClient

client = ServerlessClient()

function = client.upload(
    QiskitFunction(
        title="transpile-remote",
        entrypoint="transpile_remote.py",
        working_dir=str(Path(__file__).parent),
    )
)

circuits = [random_circuit(num_qubits=20, depth=10, max_operands=2, seed=seed) for seed in range(30)]
job = function.run(circuit_list=circuits, backend="fake_sherbrooke", optimization_level=1)
print("job", job.job_id, job.status())

result = job.result()
print(job.status())
print(job.logs())

for before, after in zip(circuits, result["circuits"], strict=True):
    print(f"depth {before.depth():3} -> {after.depth():4}, {after.num_nonlocal_gates():4} two-qubit gates")
