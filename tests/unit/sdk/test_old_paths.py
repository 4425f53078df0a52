"""What code for older releases imports, and what it gets."""

import importlib
import pkgutil
import sys

import pytest

import qiskit_serverless
from qiskit_serverless import LocalClient, RayClient, ServerlessClient, distribute_qiskit_function
from qiskit_serverless.connections import Channel
from qiskit_serverless.exceptions import InvalidArgumentError, QiskitServerlessException
from qiskit_serverless.overview import overview
from tests.unit.sdk.scripted_gateway import PROGRAMS, Answer, ScriptedGateway
from tests.unit.sdk.test_client import FUNCTION, JOBS

MODULES = [
    each.name
    for each in pkgutil.walk_packages(qiskit_serverless.__path__, "qiskit_serverless.")
    if each.name.split(".")[1] in ("core", "serializers", "utils", "visualization", "visualizaiton", "exception")
]


@pytest.mark.parametrize("module", MODULES)
def test_every_name_an_old_module_offers_is_there(module: str) -> None:
    imported = importlib.import_module(module)
    for name in getattr(imported, "__all__", ()):
        assert getattr(imported, name) is not None


def test_an_old_path_leads_to_the_same_class() -> None:
    from qiskit_serverless.core import Job
    from qiskit_serverless.core.clients.serverless_client import ServerlessClient as OldClient
    from qiskit_serverless.core.function import RunService
    from qiskit_serverless.core.job import STATUS_MAP, JobService
    from qiskit_serverless.exception import QiskitServerlessException as OldException

    assert (OldClient, Job, OldException) == (ServerlessClient, qiskit_serverless.Job, QiskitServerlessException)
    assert issubclass(ServerlessClient, (JobService, RunService, qiskit_serverless.BaseClient))
    assert issubclass(LocalClient, qiskit_serverless.BaseClient)
    assert STATUS_MAP["SUCCEEDED"] == "DONE"


def test_a_ray_client_says_what_to_do_instead() -> None:
    with pytest.raises(QiskitServerlessException, match=r"RayClient\('http://head:8265'\).*Use ServerlessClient\(\)"):
        RayClient("http://head:8265")


def test_a_channel_may_be_given_by_its_constant(gateway: ScriptedGateway) -> None:
    with ServerlessClient(gateway.url, token="t", channel=Channel.IBM_CLOUD) as client:
        assert client.channel == "ibm_cloud"
    assert gateway.requests[0].headers["service-channel"] == "ibm_cloud"


def test_an_overview_shows_functions_and_jobs(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    from qiskit_serverless.visualization import Widget

    gateway.answer("GET", PROGRAMS, Answer([{**FUNCTION, "description": "<b>", "provider": "lab"}]))
    record = {"id": "j-1", "status": "RUNNING", "sub_status": "MAPPING", "program": {"title": "hello"}}
    gateway.answer("GET", JOBS, {"results": [record]})
    shown = Widget(client).show()
    assert repr(shown).splitlines() == [
        "Functions",
        "function   version  description",
        "lab/hello  1.0      <b>",
        "",
        "Newest jobs",
        "job  function  status",
        "j-1  hello     RUNNING: MAPPING",
    ]
    assert "<td>&lt;b&gt;</td>" in shown._repr_html_()
    assert repr(overview([], [])).startswith("Functions\n")


def test_only_functions_run_as_jobs_and_only_with_named_arguments(client: ServerlessClient) -> None:
    with pytest.raises(InvalidArgumentError, match="Only functions can be run as jobs, not 'x'"):
        distribute_qiskit_function(client)("x")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match=r"takes named arguments only, not 3"):
        distribute_qiskit_function(client)(test_a_ray_client_says_what_to_do_instead)(3)


def test_values_that_json_carries() -> None:
    from qiskit_serverless.serializers.program_serializers import QiskitObjectsEncoder
    from qiskit_serverless.utils.json import JsonSerializable, is_jsonable

    class Setting(JsonSerializable):
        def __init__(self, level: int, parts: list["Setting"]) -> None:
            self.level, self.parts, self._hidden = level, parts, 1

        @classmethod
        def from_dict(cls, dictionary: dict[str, object]) -> "Setting":
            return cls(**dictionary)  # type: ignore[arg-type]

    assert Setting(1, [Setting(2, [])]).to_dict() == {"level": 1, "parts": [{"level": 2, "parts": []}]}
    assert Setting.from_dict({"level": 3, "parts": []}).level == 3
    assert is_jsonable({"a": 1})
    assert not is_jsonable({"a": 1j})
    assert is_jsonable({"a": 1j}, cls=QiskitObjectsEncoder)


def test_circuits_and_services_as_ray_carries_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from qiskit import QuantumCircuit

    from qiskit_serverless.serializers import circuit_deserializer, circuit_serializer, register_all_serializers

    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    assert circuit_deserializer(circuit_serializer(circuit)) == circuit
    monkeypatch.setitem(sys.modules, "ray.util", None)  # as where it is not installed
    with pytest.raises(QiskitServerlessException, match="Ray is not installed"):
        register_all_serializers()


def test_texts_of_errors() -> None:
    from qiskit_serverless.core.job_event import JobEvent
    from qiskit_serverless.utils.errors import format_err_event, format_err_msg

    assert format_err_msg(404, "gone") == "\n| Message: Http bad request.\n| Code: 404\n| Details: gone"
    assert format_err_msg("JSON1001") == "\n| Message: The gateway's answer is not JSON.\n| Code: JSON1001"
    assert format_err_msg(400, '{"title": ["too long"], "x": ""}').endswith("| Details:\n|   - title: too long")
    event = JobEvent("ERROR", "API", "SEND_ERROR", "2026", {"message": "m", "code": "c", "exception": "E"})
    assert format_err_event(event) == "\n| Message: m\n| Code: c\n| Exception: E"


def test_small_things() -> None:
    from qiskit_serverless.utils import format_provider_name_and_title
    from qiskit_serverless.utils.http import get_headers
    from qiskit_serverless.utils.urls import url_path_join

    assert format_provider_name_and_title(None, "lab/hello") == ("lab", "hello")
    assert get_headers("t", channel="local") == {"Authorization": "Bearer t", "Service-Channel": "local"}
    assert url_path_join("http://x/", "a", "b") == "http://x/a/b"
