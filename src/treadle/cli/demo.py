"""``treadle demo``: everything once, on a platform of its own that is gone afterwards."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from treadle.cli.errors import CommandError
from treadle.cli.following import canceled_when_left, follow
from treadle.cli.installation import require_server
from treadle.cli.output import Output

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qiskit_serverless import ServerlessClient

PROGRAM = Path(__file__).parent / "example" / "transpile_remote.py"
_TITLE = "transpile-remote"
_BACKEND = "fake_sherbrooke"
_DEPTH = 10
_STOP_SECONDS = 15
_COLUMNS = {
    "circuit": "CIRCUIT",
    "depth": "DEPTH",
    "fitted_depth": "FITTED",
    "two_qubit_gates": "TWO-QUBIT GATES",
    "fitted_two_qubit_gates": "FITTED",
}


def demo(
    circuits: Annotated[int, typer.Option(help="How many random circuits to fit.", min=1)] = 30,
    qubits: Annotated[int, typer.Option(help="Qubits of each.", min=2, max=127)] = 20,
) -> None:
    """Run the example on a temporary platform.

    Starts a platform on a temporary home, fits random circuits to a fake backend on it, shows all that happens, stops it.
    """
    require_server()
    output = Output()
    started = perf_counter()
    output.say("Starting a platform on a temporary home ...")
    with _platform() as client:
        output.say(f"Ready at {client.host} after {perf_counter() - started:.1f} s.")
        _fit_random_circuits(output, client, circuits, qubits)
    output.say(f"All is well; it took {perf_counter() - started:.1f} s in all.")


def _fit_random_circuits(output: Output, client: "ServerlessClient", circuits: int, qubits: int) -> None:
    """Run the example, show what happens, check what comes back."""
    from qiskit.circuit.random import random_circuit

    from qiskit_serverless import QiskitFunction

    program = QiskitFunction(title=_TITLE, entrypoint=PROGRAM.name, working_dir=str(PROGRAM.parent))
    function = client.upload(program)
    output.say(f"Uploaded {function.title}. Making {circuits} random circuits of {qubits} qubits ...")
    before = [random_circuit(qubits, depth=_DEPTH, max_operands=2, seed=seed) for seed in range(circuits)]
    submitted = perf_counter()
    job = function.run(circuit_list=before, backend=_BACKEND, optimization_level=1)
    output.say(f"Running as job {job.job_id}:")
    with canceled_when_left(job):
        follow(job, output)
        after = job.result()["circuits"]
    output.say(f"{perf_counter() - submitted:.1f} s from run() to the result:")
    _check(before, after)
    output.table(_rows(before, after), _COLUMNS, empty="")


@contextmanager
def _platform() -> Iterator["ServerlessClient"]:
    """Yield a client of a fresh platform, which runs as `treadle up` in a process of its own. In the end nothing is left."""
    with TemporaryDirectory(prefix="treadle-demo-") as home:
        # A session of its own: Ctrl-C reaches this process only, which then ends the job before it ends the platform.
        process = subprocess.Popen(
            [sys.executable, "-m", "treadle.cli", "up", "--home", home, "--port", "0", "--json"],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            yield _client(process, Path(home))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(_STOP_SECONDS)


def _client(process: "subprocess.Popen[bytes]", home: Path) -> "ServerlessClient":
    from qiskit_serverless import ServerlessClient

    assert process.stdout is not None  # noqa: S101  (it was started with a pipe)
    with process.stdout as stdout:
        line = stdout.readline()
    if not line:
        raise CommandError(
            "The platform did not start.", hint="What it said stands above; `treadle doctor` may know more."
        )
    return ServerlessClient(host=json.loads(line)["url"], token=(home / "token").read_text().strip())


def _check(before: "list[QuantumCircuit]", after: "list[QuantumCircuit]") -> None:
    """See that each circuit came back, in the backend's instructions, on qubits that are coupled.

    Raises:
        CommandError: It is not so.
    """
    from qiskit_ibm_runtime import fake_provider

    target = fake_provider.FakeSherbrooke().target
    if len(after) != len(before):
        raise CommandError(f"{len(before)} circuits went in, {len(after)} came back.")
    for number, circuit in enumerate(after):
        for instruction in circuit.data:
            qubits = tuple(circuit.find_bit(qubit).index for qubit in instruction.qubits)
            if instruction.name != "barrier" and not target.instruction_supported(instruction.name, qubits):
                raise CommandError(
                    f"Circuit {number} has {instruction.name} on qubits {qubits}, which {_BACKEND} has not."
                )


def _rows(before: "list[QuantumCircuit]", after: "list[QuantumCircuit]") -> list[dict[str, int]]:
    return [
        {
            "circuit": number,
            "depth": abstract.depth(),
            "fitted_depth": fitted.depth(),
            "two_qubit_gates": abstract.num_nonlocal_gates(),
            "fitted_two_qubit_gates": fitted.num_nonlocal_gates(),
        }
        for number, (abstract, fitted) in enumerate(zip(before, after, strict=True))
    ]
