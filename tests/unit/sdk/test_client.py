"""What the client asks of a gateway, and what it makes of the answers."""

import io
import json
import os
import tarfile
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit

from qiskit_serverless import QiskitFunction, ServerlessClient
from qiskit_serverless.encodings import CONTAINED, ENCODING_HEADER
from qiskit_serverless.exceptions import (
    AccessError,
    GatewayConnectionError,
    GatewayError,
    InvalidArgumentError,
    InvalidFunctionError,
    PlatformNotFoundError,
    SerializationError,
)
from qiskit_serverless.serialization import loads
from tests.unit.sdk.scripted_gateway import PROGRAMS, Answer, Request, ScriptedGateway, refused_url

FUNCTION = {
    "id": "f-1",
    "title": "hello",
    "entrypoint": "main.py",
    "artifact": "/media/x",
    "dependencies": '["pendulum==3.0.0"]',
    "description": None,
    "documentation_url": None,
    "type": "GENERIC",
    "version": "1.0",
    "runner": "ray",
    "arguments_schema": "{}",
}
JOBS = "/api/v1/jobs/"


def test_creating_a_client_sees_that_it_is_let_in(gateway: ScriptedGateway) -> None:
    with ServerlessClient(gateway.url, token="t0ken", instance="crn", channel="ibm_cloud") as client:
        assert (client.host, client.token, client.version) == (gateway.url, "t0ken", "v1")
        assert (client.instance, client.channel) == ("crn", "ibm_cloud")
        assert repr(client) == f"<ServerlessClient | {gateway.url}>"
    [request] = gateway.requests
    assert (request.method, request.path) == ("GET", PROGRAMS)
    assert request.headers["authorization"] == "Bearer t0ken"
    assert request.headers["service-channel"] == "ibm_cloud"
    assert request.headers["service-crn"] == "crn"
    assert request.headers["treadle-encoding"] == "1"


def test_instance_and_channel_are_left_out_unless_given(gateway: ScriptedGateway) -> None:
    with ServerlessClient(gateway.url, token="t"):
        pass
    assert not {"service-channel", "service-crn"} & gateway.requests[0].headers.keys()


def test_a_client_finds_the_platform_by_itself(gateway: ScriptedGateway, home: Path) -> None:
    (home / "gateway.json").write_text(json.dumps({"url": gateway.url, "pid": os.getpid()}))
    (home / "token").write_text("owners")
    with ServerlessClient() as client:
        assert (client.host, client.token) == (gateway.url, "owners")


def test_a_wrong_token(gateway: ScriptedGateway) -> None:
    gateway.answer("GET", PROGRAMS, Answer({"detail": "Authorization token is not valid."}, 401))
    with pytest.raises(AccessError, match="Credentials couldn't be verified: ") as caught:
        ServerlessClient(gateway.url, token="wrong")
    assert str(caught.value).endswith("| Code: 401\n| Details: Authorization token is not valid.")
    assert caught.value.status_code == 401


def test_no_gateway_is_told_at_once() -> None:
    with pytest.raises(GatewayConnectionError, match=r"does not answer.*`treadle up`"):
        ServerlessClient(refused_url(), token="t")


def test_no_platform_is_told() -> None:
    with pytest.raises(PlatformNotFoundError, match="`treadle up`"):
        ServerlessClient()


def test_an_unknown_channel(gateway: ScriptedGateway) -> None:
    with pytest.raises(InvalidArgumentError, match="ibm_quantum_platform, ibm_cloud, local, not 'cable'"):
        ServerlessClient(gateway.url, token="t", channel="cable")
    assert gateway.requests == []


def form(request: Request) -> dict[str, Any]:
    """The fields of a multipart body; files as (name, bytes)."""
    whole = message_from_bytes(b"Content-Type: " + request.headers["content-type"].encode() + b"\n\n" + request.body)
    fields = {}
    for part in whole.get_payload():
        name, file = (part.get_param(key, header="Content-Disposition") for key in ("name", "filename"))
        content = part.get_payload(decode=True)
        fields[name] = (file, content) if file else content.decode()
    return fields


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "main.py").write_text("print('hello')\n")
    return tmp_path / "program"


def test_uploading(gateway: ScriptedGateway, client: ServerlessClient, folder: Path) -> None:
    gateway.answer(
        "POST", f"{PROGRAMS}upload/", {**FUNCTION, "env_vars": '{"A": "b"}', "image": None, "provider": None}
    )
    function = client.upload(
        QiskitFunction(
            title="hello",
            entrypoint="main.py",
            working_dir=str(folder),
            env_vars={"A": "b"},
            dependencies=["pendulum==3.0.0"],
            version="1.0",
            arguments_schema={"type": "object"},
        )
    )
    fields = form(gateway.requests[0])
    name, content = fields.pop("artifact")
    assert name == "artifact.tar"
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert archive.getnames() == ["main.py"]
    assert fields == {
        "title": "hello",
        "entrypoint": "main.py",
        "runner": "ray",
        "type": "GENERIC",
        "arguments": "{}",
        "dependencies": '["pendulum==3.0.0"]',
        "env_vars": '{"A": "b"}',
        "version": "1.0",
        "arguments_schema": '{"type": "object"}',
    }
    assert (function.title, function.entrypoint, function.version) == ("hello", "main.py", "1.0")
    assert (function.dependencies, function.env_vars, function.arguments_schema) == (
        ["pendulum==3.0.0"],
        {"A": "b"},
        None,
    )


def test_an_image_is_uploaded_by_name(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    gateway.answer("POST", f"{PROGRAMS}upload/", {**FUNCTION, "provider": "lab", "image": "registry/x"})
    function = client.upload(QiskitFunction(title="lab/hello", image="registry/x", arguments_schema=False))
    assert str(function) == "QiskitFunction(lab/hello)"
    body = gateway.requests[0].body.decode()
    assert "provider=lab" in body
    assert "image=registry%2Fx" in body
    assert "arguments_schema=false" in body


def test_a_function_needs_a_program(client: ServerlessClient, gateway: ScriptedGateway) -> None:
    with pytest.raises(InvalidFunctionError, match="'empty' has neither an entrypoint nor an image"):
        client.upload(QiskitFunction(title="empty"))
    assert gateway.requests == []


def test_functions_are_listed_and_looked_up(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    gateway.answer("GET", PROGRAMS, Answer([FUNCTION, {**FUNCTION, "title": "other", "provider": "lab"}]))
    gateway.answer("GET", f"{PROGRAMS}get_by_title/hello/", FUNCTION)
    assert [str(function) for function in client.functions(filter="serverless")] == [
        "QiskitFunction(hello)",
        "QiskitFunction(lab/other)",
    ]
    found = client.function("hello")
    assert found.raw_data == FUNCTION
    assert client.function("lab/hello").title == client.function("hello", "lab").title == "hello"
    assert [request.query for request in gateway.requests] == [
        {"filter": "serverless"},
        {},
        {"provider": "lab"},
        {"provider": "lab"},
    ]


def test_odd_titles_and_ids_lead_to_no_other_path(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    gateway.answer("GET", f"{PROGRAMS}get_by_title/a%3Fb%23c%20d/", FUNCTION)
    gateway.answer("GET", f"{JOBS}..%2Fx%3Fy/", {"id": "1"})
    assert client.function("a?b#c d").title == "hello"
    assert client.job("../x?y").job_id == "1"


def test_a_title_has_one_slash_at_most_and_one_provider() -> None:
    with pytest.raises(InvalidArgumentError, match="'a/b/c' has more than one slash"):
        QiskitFunction("a/b/c")
    with pytest.raises(InvalidArgumentError, match="name different providers"):
        QiskitFunction("a/b", provider="c")
    assert QiskitFunction("a/b", provider="a") == QiskitFunction("b", provider="a")


@dataclass
class Scaling:
    workers: int = 2


@pytest.mark.parametrize("config", [Scaling(), {"workers": 2}])
def test_running(gateway: ScriptedGateway, client: ServerlessClient, config: Any) -> None:
    gateway.answer("GET", f"{PROGRAMS}get_by_title/hello/", FUNCTION)
    gateway.answer("POST", f"{PROGRAMS}run/", {"id": "j-1", "status": "QUEUED", "compute_profile": "small"})
    arguments = {"circuit": QuantumCircuit(2), "angles": (1.5, np.float32(2)), "self": "x", "title": "y"}
    job = client.function("hello").run(config=config, compute_profile="small", **arguments)
    assert (job.job_id, job.compute_profile, job.raw_data["status"]) == ("j-1", "small", "QUEUED")
    body = gateway.requests[-1].json
    assert loads(body.pop("arguments")) == arguments
    assert body == {"title": "hello", "provider": None, "config": {"workers": 2}, "compute_profile": "small"}


def test_running_by_title(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    gateway.answer("POST", f"{PROGRAMS}run/", {"id": "j-1"})
    client.run("lab/hello", {"a": 1})
    client.run("hello", provider="lab")
    assert [request.json for request in gateway.requests] == [
        {"title": "hello", "provider": "lab", "arguments": '{"a":1}', "config": {}, "compute_profile": None},
        {"title": "hello", "provider": "lab", "arguments": "{}", "config": {}, "compute_profile": None},
    ]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("trouble", [Answer(cut="before"), Answer({}, 503), Answer({}, 502)])
def test_a_run_is_repeated_where_the_gateway_knows_by_a_key_that_it_is_the_same(
    gateway: ScriptedGateway, trouble: Answer, large: bool
) -> None:
    gateway.answer("GET", PROGRAMS, Answer([], headers={ENCODING_HEADER: CONTAINED}))
    gateway.answer("POST", f"{PROGRAMS}run/", trouble, {"id": "j-1"}, {"id": "j-2"})
    with ServerlessClient(gateway.url, token="t") as client:
        arguments = {"a": np.zeros(100_000) if large else 1}
        assert client.run("hello", arguments).job_id == "j-1"
        assert client.run("hello", arguments).job_id == "j-2"
    first, second, third = (request for request in gateway.requests if request.method == "POST")
    keys = [request.headers["idempotency-key"] for request in (first, second, third)]
    assert first.body == second.body
    assert keys[0] == keys[1] != keys[2]


def test_a_run_is_not_repeated_on_another_gateway(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    gateway.answer("POST", f"{PROGRAMS}run/", Answer({}, 503), {"id": "j-1"})
    with pytest.raises(GatewayError, match="503"):
        client.run("hello")
    assert len(gateway.requests) == 1
    assert "idempotency-key" not in gateway.requests[0].headers


def test_an_argument_that_cannot_be_sent_is_not_sent(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    with pytest.raises(SerializationError, match=r"^arguments\[\"a\"\]\[1\]: <class 'object'> cannot be sent$"):
        client.run("hello", {"a": [1, object()]})
    assert gateway.requests == []


def test_jobs_are_listed(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    gateway.answer(
        "GET", JOBS, {"count": 1, "results": [{"id": "j-1", "status": "RUNNING", "compute_profile": "small"}]}
    )
    [job] = client.jobs()
    assert (job.job_id, job.compute_profile) == ("j-1", "small")
    client.jobs(QiskitFunction("lab/hello"), limit=3, offset=6, status="DONE", created_after="2026-01-01")
    client.jobs(function="hello", status="RUNNING: MAPPING", filter="catalog")
    client.jobs(status="SUCCEEDED")
    assert [request.query for request in gateway.requests] == [
        {"limit": "10", "offset": "0"},
        {
            "limit": "3",
            "offset": "6",
            "status": "SUCCEEDED",
            "created_after": "2026-01-01",
            "function": "hello",
            "provider": "lab",
        },
        {"limit": "10", "offset": "0", "status": "RUNNING", "function": "hello", "filter": "catalog"},
        {"limit": "10", "offset": "0", "status": "SUCCEEDED"},
    ]


def test_a_functions_jobs(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    gateway.answer("GET", f"{PROGRAMS}get_by_title/hello/", FUNCTION)
    gateway.answer("GET", JOBS, {"count": 0, "results": []})
    assert client.function("hello").jobs(limit=1) == []
    assert gateway.requests[-1].query == {"limit": "1", "offset": "0", "function": "hello"}


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ({"status": "RUNNING", "sub_status": "MAPPING"}, "MAPPING"),
        ({"status": "RUNNING", "sub_status": None}, "RUNNING"),
        ({"status": "SUCCEEDED", "sub_status": "MAPPING"}, "SUCCEEDED"),
    ],
)
def test_the_gateways_name_of_a_status(
    gateway: ScriptedGateway, client: ServerlessClient, record: dict[str, Any], status: str
) -> None:
    gateway.answer("GET", f"{JOBS}j-1/", {"id": "j-1", **record})
    assert client.status("j-1") == status


def test_another_version_of_the_interface(gateway: ScriptedGateway) -> None:
    gateway.answer("GET", "/api/v2/jobs/j-1/", {"id": "j-1"})
    with ServerlessClient(gateway.url, "v2", "t") as client:
        assert client.job("j-1").job_id == "j-1"


def test_a_function_shows_its_name() -> None:
    assert repr(QiskitFunction("hello")) == "QiskitFunction(hello)"
