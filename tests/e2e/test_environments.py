"""What a function asks for is installed for it, apart from the platform and from other functions."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import httpx2
import psutil
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_ibm_runtime import RuntimeEncoder

from qiskit_serverless import ServerlessClient
from qiskit_serverless.exceptions import InvalidRequestError, JobFailedError, NotFoundError, QiskitServerlessException
from tests.e2e.conftest import Upload, client_of, statuses_of, uploader
from tests.operating import administer
from tests.running_platform import RunningPlatform

pytestmark = pytest.mark.timeout(600)  # the first time, packages are fetched

TELLS_VERSIONS = """
import sys
from importlib.metadata import version
from qiskit_serverless import save_result
import pendulum
save_result({"pendulum": version("pendulum"), "prefix": sys.prefix})
"""


def treadle(platform: RunningPlatform, *arguments: str) -> str:
    command = [sys.executable, "-m", "treadle.cli", *arguments]
    return subprocess.run(command, env=platform.environment, capture_output=True, text=True, check=True).stdout


def test_a_dependency_is_there(upload: Upload, platform: RunningPlatform) -> None:
    function = upload("dated-environment", TELLS_VERSIONS, dependencies=["pendulum>=3.1,<3.2"])
    result = function.run().result()
    assert result["pendulum"].startswith("3.1.")
    assert result["prefix"].startswith(f"{platform.home}/environments/")
    assert function.run().result() == result


def test_a_program_may_say_itself_what_it_needs(upload: Upload) -> None:
    block = "# /// script\n# requires-python = '>=3.11'\n# dependencies = ['pendulum<3.2']\n# ///\n"
    files = {"requirements.txt": "pendulum >= 3.1  # for time zones\n"}
    result = upload("says-so", block + TELLS_VERSIONS, files=files).run().result()
    assert result["pendulum"].startswith("3.1.")


def test_an_update_without_a_program_keeps_what_the_program_needs(
    upload: Upload, platform: RunningPlatform, client: ServerlessClient
) -> None:
    upload("updated", TELLS_VERSIONS, files={"requirements.txt": "pendulum>=3.1,<3.2"})
    answer = httpx2.post(
        f"{platform.url}/api/v1/programs/upload/",
        headers={"Authorization": f"Bearer {platform.token}"},
        json={"title": "updated", "description": "tells versions"},
    )
    assert answer.status_code == 200, answer.text
    assert client.function("updated").run().result()["pendulum"].startswith("3.1.")


def test_what_is_installed_beside_the_platform_needs_no_environment(upload: Upload) -> None:
    program = "import sys\nfrom qiskit_serverless import save_result\nsave_result(sys.prefix)"
    prefix = upload("plain-environment", program).run().result()
    assert upload("modest", program, dependencies=["numpy>=1.26", "qiskit"]).run().result() == prefix


def test_a_package_that_does_not_exist_fails_the_upload_in_the_solvers_words(
    upload: Upload, client: ServerlessClient
) -> None:
    with pytest.raises(QiskitServerlessException) as refusal:
        upload("unheard-of", "pass", dependencies=["no-such-package-of-treadle"])
    assert "no-such-package-of-treadle was not found in the package registry" in str(refusal.value)
    with pytest.raises(QiskitServerlessException, match="doesn't exist"):
        client.run("unheard-of")


def test_others_need_not_wait_for_an_environment(upload: Upload) -> None:
    slow = upload("awaited", "from qiskit_serverless import save_result; save_result(1)", dependencies=["pendulum<3.1"])
    waiting = slow.run()
    assert upload("brisk", "from qiskit_serverless import save_result; save_result(2)").run().result() == 2
    assert waiting.status() == "QUEUED"
    assert waiting.result() == 1
    assert statuses_of(waiting) == ["QUEUED", "PENDING", "RUNNING", "SUCCEEDED"]


def test_circuits_pass_to_and_from_a_program_with_an_older_qiskit(upload: Upload) -> None:
    program = """
import qiskit
from qiskit_serverless import get_arguments, save_result
circuit = get_arguments()["circuit"]
assert circuit.num_parameters == 1
save_result({"qiskit": qiskit.__version__, "circuit": circuit.compose(circuit.inverse())})
"""
    circuit = QuantumCircuit(2, 1, name="pair")
    circuit.rzz(Parameter("angle"), 0, 1)
    circuit.delay(100, 0)
    result = upload("older", program, dependencies=["qiskit==2.1.*"]).run(circuit=circuit).result()
    assert result["qiskit"].startswith("2.1.")
    assert result["circuit"].num_qubits == 2


def test_circuits_of_a_client_that_writes_the_newest_format_pass_too(
    upload: Upload, platform: RunningPlatform, client: ServerlessClient
) -> None:
    program = "from qiskit_serverless import *\nsave_result(get_arguments()['circuit'].num_qubits)"
    upload("older-again", program, dependencies=["qiskit==2.1.*"])
    circuit = QuantumCircuit(3)
    circuit.h(0)
    answer = httpx2.post(
        f"{platform.url}/api/v1/programs/run/",
        headers={"Authorization": f"Bearer {platform.token}"},
        json={"title": "older-again", "arguments": json.dumps({"circuit": circuit}, cls=RuntimeEncoder), "config": {}},
    )
    assert client.job(answer.json()["id"]).result() == 3


def test_chemistry_is_there_for_who_asks_for_it(upload: Upload) -> None:
    program = """
import numpy as np
from pyscf import ao2mo, gto, scf
from qiskit_addon_sqd.fermion import solve_fermion
from qiskit_serverless import save_result

molecule = gto.M(atom="H 0 0 0; H 0 0 0.735", basis="sto-3g", verbose=0)
field = scf.RHF(molecule).run()
one = field.mo_coeff.T @ field.get_hcore() @ field.mo_coeff
two = ao2mo.restore(1, ao2mo.kernel(molecule, field.mo_coeff), 2)
samples = np.array([[a, not a, b, not b] for a in (False, True) for b in (False, True)])
energy, *_ = solve_fermion(samples, one, two, spin_sq=0)
save_result(float(energy) + molecule.energy_nuc())
"""
    function = upload("hydrogen", program, dependencies=["qiskit-addon-sqd", "pyscf"])
    assert function.run().result() == pytest.approx(-1.137306, abs=1e-6)


def test_ray_runs_inside_a_program_within_its_budget_and_ends_with_it(
    make_platform: Callable[..., RunningPlatform], tmp_path: Path
) -> None:
    program = """
import os
import ray
import qiskit_serverless

@ray.remote
def task(number):
    import qiskit_serverless
    return number, qiskit_serverless.__version__, os.environ["RAY_AUTH_MODE"]

ray.init(include_dashboard=False)
qiskit_serverless.save_result({
    "cores": ray.cluster_resources()["CPU"],
    "tasks": ray.get([task.remote(number) for number in range(3)]),
    "place": os.environ["RAY_TMPDIR"],
    "begun": os.path.isdir(os.environ["RAY_TMPDIR"] + "/ray"),
})
os._exit(0)  # without leave-taking
"""
    platform = make_platform(TREADLE_JOB_CPU="1")
    job = uploader(client_of(platform), tmp_path)("rays", program, dependencies=["ray"]).run()
    result = job.result()
    assert result["cores"] == 1
    psutil.wait_procs([process for process in platform.processes() if process.name() == "supervisor"], timeout=10)
    assert result["tasks"] == [(number, version("treadle"), "token") for number in range(3)]
    assert result["begun"]
    assert not Path(result["place"]).is_symlink()
    assert not list((platform.home / "jobs").glob(f"{job.job_id}.*"))
    assert not [process for process in platform.processes() if "/ray/" in " ".join(process.cmdline())]


def test_an_author_sees_what_is_installed_and_how_the_build_went(
    upload: Upload, client: ServerlessClient, platform: RunningPlatform
) -> None:
    function = upload("shown-environment", TELLS_VERSIONS, dependencies=["pendulum>=3.1,<3.2"])
    function.run().result()
    environment = function.environment()
    assert environment == client.environment("shown-environment", 1)
    assert (environment.status, environment.requirements) == ("READY", ("pendulum<3.2,>=3.1",))
    assert "pendulum==3.1.0" in environment.packages
    assert "+ pendulum==3.1.0" in environment.log
    assert environment.digest == client.build_environment("shown-environment").digest
    own = upload("shown-plain", "pass").environment()
    assert (own.digest, own.status, own.packages) == (None, "READY", ())
    printed = treadle(platform, "function", "environment", "shown-environment", "--log")
    assert "+ pendulum==3.1.0" in printed
    assert json.loads(treadle(platform, "function", "environment", "shown-plain", "--json"))["status"] == "READY"


def test_others_do_not_see_it(upload: Upload, platform: RunningPlatform) -> None:
    function = upload("hidden-environment", "pass", dependencies=["numpy"])
    token = administer(platform, lambda opened: opened.accounts.add_user("eve"))
    with pytest.raises(NotFoundError), ServerlessClient(platform.url, token=token, channel="local") as stranger:
        stranger.environment(function)


def test_jobs_fail_with_the_reason_when_their_environment_cannot_be_built(
    make_platform: Callable[..., RunningPlatform], tmp_path: Path
) -> None:
    platform = make_platform(TREADLE_BUILD_SECONDS="0.001")
    function = uploader(client_of(platform), tmp_path)("hopeless", "pass", dependencies=["pendulum"])
    with pytest.raises(JobFailedError) as failure:
        function.run().result()
    assert failure.value.cause["code"] == "environment_not_built"
    assert "its time limit" in failure.value.cause["message"]
    assert "treadle function environment" in failure.value.cause["hint"]
    environment = function.environment()
    assert environment.status == "FAILED"
    assert "its time limit" in (environment.message or "")
    assert client_of(platform).build_environment("hopeless").status == "BUILDING"


def test_a_list_restricts_what_may_be_asked_for(make_platform: Callable[..., RunningPlatform], tmp_path: Path) -> None:
    allowed = tmp_path / "allowed.txt"
    allowed.write_text("# for everybody\npendulum>=3.1,<3.2\nnumpy\n")
    platform = make_platform(TREADLE_ALLOWED_PACKAGES=str(allowed))
    client = client_of(platform)
    upload = uploader(client, tmp_path)
    assert client.dependencies_versions() == ["pendulum>=3.1,<3.2", "numpy"]
    with pytest.raises(InvalidRequestError, match="Dependency `scipy` is not allowed"):
        upload("refused", "pass", dependencies=["scipy"])
    with pytest.raises(InvalidRequestError, match=r"Dependency \(pendulum\) version \(3.0.0\) is not allowed"):
        upload("refused", "pass", dependencies=["pendulum==3.0.0"])
    assert upload("allowed", TELLS_VERSIONS, dependencies=["pendulum"]).run().result()["pendulum"].startswith("3.1.")


def test_without_a_list_anything_may_be_asked_for(client: ServerlessClient) -> None:
    assert client.dependencies_versions() == []


def test_what_is_not_used_makes_room_and_comes_back(
    make_platform: Callable[..., RunningPlatform], tmp_path: Path
) -> None:
    platform = make_platform(TREADLE_ENVIRONMENT_BYTES="0", TREADLE_WARM_ENVIRONMENTS="1")
    upload = uploader(client_of(platform), tmp_path)
    first = upload("first", TELLS_VERSIONS, dependencies=["pendulum>=3.1,<3.2"])
    assert first.run().result()["pendulum"].startswith("3.1.")
    place = platform.home / "environments" / str(first.environment().digest)
    assert place.is_dir()
    assert upload("second", TELLS_VERSIONS, dependencies=["pendulum<3.1"]).run().result()["pendulum"] < "3.1"
    assert not place.exists()
    assert first.run().result()["pendulum"].startswith("3.1.")
    zygotes = [process for process in platform.processes() if process.name() == "zygote"]
    assert len(zygotes) <= 2, "the platform's own, and one more"


def test_a_gateway_that_was_killed_goes_on_with_its_builds(own_platform: RunningPlatform, tmp_path: Path) -> None:
    client = client_of(own_platform)
    function = uploader(client, tmp_path)("cut-off", TELLS_VERSIONS, dependencies=["pendulum>=3.1,<3.2"])
    job = function.run()
    own_platform.kill()
    own_platform.restart()
    assert client_of(own_platform).job(job.job_id).result()["pendulum"].startswith("3.1.")
