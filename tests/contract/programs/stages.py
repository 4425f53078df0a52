"""Tells its stages, speaks in the log, and has QPU jobs."""

from qiskit_serverless import get_arguments, save_result, update_status
from qiskit_serverless.utils.runtime_service_client import associate_runtime_job_with_serverless_job

number = get_arguments()["number"]
update_status("MAPPING")
print(f"INFO number {number}")
print("WARNING the lattice is small")
print("INFO mapped")
for index in range(2):
    associate_runtime_job_with_serverless_job(f"qpu-{get_arguments()['mark']}-{index}", f"session-{index}")
save_result({"number": number})
