"""A provider's program: what it says is for its user or for its provider."""

from qiskit_serverless import get_arguments, save_result

print("[PUBLIC] solving for you")
print("[PRIVATE] with the golden ratio")
print("an unmarked line")
save_result({"answer": 1 / get_arguments()["angle"]})
