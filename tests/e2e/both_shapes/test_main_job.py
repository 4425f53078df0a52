"""The main job: upload a program, run it, see what it does, get its result."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Operator
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime.fake_provider import FakeManilaV2, FakeSherbrooke

from qiskit_serverless import QiskitFunction, ServerlessClient
from tests.e2e.conftest import Upload, statuses_of

PAGE_PROGRAM = Path(__file__).parents[3] / "examples" / "transpile_remote"
SEED_PROGRAM = Path(__file__).parents[4] / "shared" / "seed" / "transpile_remote.py"


def test_hello_world(upload: Upload) -> None:
    hello = upload(
        "hello",
        """
        from qiskit_serverless import get_arguments, save_result
        name = get_arguments()["name"]
        print(f"hello, {name}")
        save_result({"greeting": f"hello, {name}"})
        """,
    )
    job = hello.run(name="Ada")
    assert job.result() == {"greeting": "hello, Ada"}
    assert job.status() == "DONE"
    assert job.in_terminal_state()
    assert job.logs() == "hello, Ada\n"
    assert statuses_of(job) == ["QUEUED", "PENDING", "RUNNING", "SUCCEEDED"]


def test_every_stage_is_shown_as_it_comes(upload: Upload) -> None:
    staged = upload(
        "staged",
        """
        from qiskit_serverless import Job, get_arguments, save_result, update_status
        for stage in (Job.MAPPING, Job.OPTIMIZING_HARDWARE, Job.WAITING_QPU, Job.EXECUTING_QPU, Job.POST_PROCESSING):
            update_status(stage)
            print(stage)
        save_result("done")
        """,
    )
    job = staged.run()
    seen = [event.status for event in job.follow() if event.status is not None]
    assert seen == [
        "QUEUED",
        "INITIALIZING",
        "RUNNING",
        "RUNNING: MAPPING",
        "RUNNING: OPTIMIZING_FOR_HARDWARE",
        "RUNNING: WAITING_FOR_QPU",
        "RUNNING: EXECUTING_QPU",
        "RUNNING: POST_PROCESSING",
        "DONE",
    ]
    assert job.result() == "done"


def test_what_is_printed_is_seen_while_the_program_still_runs(upload: Upload, tmp_path: Path) -> None:
    waiting = upload(
        "waiting",
        """
        import pathlib, sys, time
        from qiskit_serverless import get_arguments
        gate = pathlib.Path(get_arguments()["gate"])
        print("before")
        print("to standard error", file=sys.stderr)
        while not gate.exists():
            time.sleep(0.01)
        print("after")
        """,
    )
    gate = tmp_path / "gate"
    job = waiting.run(gate=str(gate))
    text = ""
    for event in job.follow():
        text += event.log or ""
        if text == "before\nto standard error\n" and not gate.exists():
            assert job.status() == "RUNNING"
            gate.touch()
    assert text == "before\nto standard error\nafter\n"
    assert job.logs() == text


def does_the_same(abstract: QuantumCircuit, isa: QuantumCircuit) -> bool:
    """Return whether a transpiled circuit does what its abstract circuit does, up to a global phase."""
    widened = QuantumCircuit(isa.num_qubits).compose(abstract, range(abstract.num_qubits))
    return bool(Operator(widened).equiv(Operator.from_circuit(isa)))


@pytest.fixture(scope="module")
def page_program(platform: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The page's program, uploaded: byte for byte where the seed lies beside the project, else our equivalent of it."""
    source = SEED_PROGRAM if SEED_PROGRAM.exists() else PAGE_PROGRAM / "transpile_remote.py"
    folder = tmp_path_factory.mktemp("page")
    (folder / "transpile_remote.py").write_bytes(source.read_bytes())
    client = ServerlessClient(host=platform.url, token=platform.token, channel="local")
    return client.upload(
        QiskitFunction(title="page-program", entrypoint="transpile_remote.py", working_dir=str(folder))
    )


def test_the_pages_program_transpiles_thirty_circuits(page_program: Any) -> None:
    circuits = [random_circuit(20, 3, seed=seed) for seed in range(30)]
    job = page_program.run(circuit_list=circuits, backend="fake_sherbrooke", optimization_level=1)
    seen = [event.status for event in job.follow() if event.status is not None]
    assert seen == ["QUEUED", "INITIALIZING", "RUNNING", "RUNNING: OPTIMIZING_FOR_HARDWARE", "DONE"]
    result = job.result()
    backend = FakeSherbrooke()
    allowed = set(backend.target.operation_names)
    coupled = {frozenset(pair) for pair in backend.coupling_map.get_edges()}
    assert len(result["circuits"]) == 30
    for isa in result["circuits"]:
        assert isa.num_qubits == backend.num_qubits
        assert set(isa.count_ops()) <= allowed
        for instruction in isa.data:
            qubits = [isa.find_bit(qubit).index for qubit in instruction.qubits]
            assert len(qubits) != 2 or frozenset(qubits) in coupled
    usage = result["metadata"]["resource_usage"]["RUNNING: OPTIMIZING_FOR_HARDWARE"]
    assert usage["CPU_TIME"] > 0
    assert usage["QPU_TIME"] == 0


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_the_pages_program_at_every_level_gives_circuits_that_do_the_same(page_program: Any, level: int) -> None:
    circuits = [random_circuit(3, 4, seed=seed) for seed in range(3)]
    job = page_program.run(circuit_list=circuits, backend="fake_manila", optimization_level=level)
    for abstract, isa in zip(circuits, job.result()["circuits"], strict=True):
        assert does_the_same(abstract, isa)


def test_the_results_are_those_of_a_local_transpilation(upload: Upload) -> None:
    seeded = upload(
        "seeded",
        """
        from qiskit.transpiler import generate_preset_pass_manager
        from qiskit_ibm_runtime import QiskitRuntimeService
        from qiskit_serverless import distribute_task, get, get_arguments, save_result
        service = QiskitRuntimeService()

        @distribute_task(target={"cpu": 1})
        def transpile(circuit):
            backend = service.backend("fake_manila")
            return generate_preset_pass_manager(1, backend=backend, seed_transpiler=7).run(circuit)

        save_result(get([transpile(circuit) for circuit in get_arguments()["circuits"]]))
        """,
    )
    circuits = [random_circuit(4, 5, seed=seed) for seed in range(4)]
    here = generate_preset_pass_manager(1, backend=FakeManilaV2(), seed_transpiler=7).run(circuits)
    assert seeded.run(circuits=circuits).result() == here


def test_arguments_and_results_keep_their_types(upload: Upload) -> None:
    echo = upload("echo", "from qiskit_serverless import *\nsave_result(get_arguments())")
    sent = {
        "circuit": QuantumCircuit(2, 2, name="c"),
        "array": np.arange(6.0).reshape(2, 3),
        "number": np.float32(0.5),
        "complex": 1 - 2j,
        "pair": (1, ("a", b"bytes")),
        "set": {1, 2},
        "by number": {0: "zero", 1: "one"},
        "operator": Operator.from_label("X").data,
    }
    back = echo.run(**sent).result()
    assert back.keys() == sent.keys()
    assert back["circuit"] == sent["circuit"]
    assert np.array_equal(back["array"], sent["array"])
    assert np.array_equal(back["operator"], sent["operator"])
    assert type(back["number"]) is np.float32
    for name in ("number", "complex", "pair", "set", "by number"):
        assert back[name] == sent[name]


def test_a_function_brings_its_own_modules_data_and_variables(upload: Upload) -> None:
    packed = upload(
        "packed",
        """
        import os, pathlib
        from lab.model import energy
        from qiskit_serverless import distribute_task, get, save_result

        @distribute_task()
        def task(x):
            return energy(x), os.environ["SCALE"]

        save_result([get(task(2)), pathlib.Path("data.txt").read_text(), os.environ["MY_TOKEN"]])
        """,
        files={"lab/__init__.py": "", "lab/model.py": "def energy(x):\n    return -x\n", "data.txt": "from the folder"},
        env_vars={"SCALE": "3", "MY_TOKEN": "sealed where it is stored"},
    )
    assert packed.run().result() == [(-2, "3"), "from the folder", "sealed where it is stored"]


def test_a_new_upload_is_a_new_version_and_a_job_keeps_the_one_it_was_submitted_with(
    upload: Upload, tmp_path: Path
) -> None:
    program = """
        import pathlib, time
        from qiskit_serverless import get_arguments, save_result
        gate = pathlib.Path(get_arguments()["gate"])
        while not gate.exists():
            time.sleep(0.01)
        save_result("{}")
        """
    gate = tmp_path / "gate"
    first = upload("versions", program.format("first")).run(gate=str(gate))
    second = upload("versions", program.format("second")).run(gate=str(gate))
    gate.touch()
    assert (first.result(), second.result()) == ("first", "second")


def test_jobs_are_listed_and_found_again(client: ServerlessClient, upload: Upload) -> None:
    listed = upload("listed", "print('x')")
    made = [listed.run() for _ in range(3)]
    for job in made:
        job.result()
    assert [job.job_id for job in client.jobs(function="listed")] == [job.job_id for job in reversed(made)]
    assert [job.job_id for job in listed.jobs(limit=1)] == [made[-1].job_id]
    assert [job.job_id for job in client.jobs(status="DONE", function="listed", offset=1, limit=1)] == [made[1].job_id]
    assert client.job(made[0].job_id).status() == "DONE"
    assert "listed" in [function.title for function in client.functions()]
    assert client.function("listed").title == "listed"


def test_a_job_without_a_result_is_done_all_the_same(upload: Upload) -> None:
    job = upload("silent", "pass").run()
    assert job.result() in (None, {})
    assert job.status() == "DONE"
    assert job.logs() == ""


def test_two_jobs_of_one_function_do_not_share_a_folder_or_random_numbers(upload: Upload) -> None:
    draw = upload(
        "draw",
        """
        import pathlib, random
        import numpy as np
        from qiskit_serverless import save_result
        path = pathlib.Path("mine.txt")
        found = path.exists()
        path.write_text("x")
        save_result([found, random.random(), float(np.random.random())])
        """,
    )
    (found, *first), (found_again, *second) = draw.run().result(), draw.run().result()
    assert not found
    assert not found_again
    assert not set(first) & set(second)
