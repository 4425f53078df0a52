"""What a function asks for is installed for it, apart from the platform and from other functions."""

from typing import Any

import httpx2
import pytest

from qiskit_serverless import ServerlessClient
from qiskit_serverless.exceptions import QiskitServerlessException
from tests.e2e.conftest import Upload, client_of, statuses_of
from tests.running_platform import RunningPlatform

pytestmark = pytest.mark.timeout(600)  # the first time, packages are fetched

TELLS_VERSIONS = """
import sys
from importlib.metadata import version
from qiskit_serverless import save_result
import pendulum
save_result({"pendulum": version("pendulum"), "prefix": sys.prefix})
"""


def test_a_dependency_is_there(upload: Upload, platform: RunningPlatform) -> None:
    function = upload("dated", TELLS_VERSIONS, dependencies=["pendulum>=3.1,<3.2"])
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
    prefix = upload("plain", program).run().result()
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


def test_a_gateway_that_was_killed_goes_on_with_its_builds(own_platform: RunningPlatform, tmp_path: Any) -> None:
    from tests.e2e.conftest import uploader

    client = client_of(own_platform)
    function = uploader(client, tmp_path)("cut-off", TELLS_VERSIONS, dependencies=["pendulum>=3.1,<3.2"])
    job = function.run()
    own_platform.kill()
    own_platform.restart()
    assert client_of(own_platform).job(job.job_id).result()["pendulum"].startswith("3.1.")
