"""A logger, QPU jobs that the platform notes, and stages."""

from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit_ibm_runtime import SamplerV2

from qiskit_serverless import Job, get_arguments, get_logger, get_runtime_service, is_trial, save_result, update_status

logger = get_logger()
service = get_runtime_service()
backend = service.backend("fake_manila")

update_status(Job.OPTIMIZING_HARDWARE)
bell = QuantumCircuit(2)
bell.h(0)
bell.cx(0, 1)
bell.measure_all()
isa = generate_preset_pass_manager(1, backend=backend).run(bell)

update_status(Job.EXECUTING_QPU)
counts = SamplerV2(mode=backend).run([isa], shots=200).result()[0].data.meas.get_counts()
agreeing = (counts.get("00", 0) + counts.get("11", 0)) / 200

energies = [1.0 + bond for bond in get_arguments()["bonds"]]
logger.info("lowest energy: %s", round(min(energies), 3))
save_result({"energies": energies, "mostly_agreeing": agreeing > 0.5, "trial": is_trial()})
