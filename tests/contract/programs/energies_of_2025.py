"""Tasks that start tasks, and stages that the client shows."""

from qiskit_serverless import (
    Job,
    distribute_task,
    get,
    get_arguments,
    is_running_in_serverless,
    save_result,
    update_status,
)


@distribute_task()
def square(number: float) -> float:
    return number * number


@distribute_task(target={"cpu": 0.5})
def energy(bond: float) -> float:
    return 1.0 + get(square(bond)) / bond


assert is_running_in_serverless()
update_status(Job.MAPPING)
references = [energy(bond) for bond in get_arguments()["bonds"]]
update_status(Job.POST_PROCESSING)
energies = get(references)
print("lowest energy:", round(min(energies), 3))
save_result({"energies": [round(each, 6) for each in energies]})
