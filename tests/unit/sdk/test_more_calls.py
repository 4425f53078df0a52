"""The calls that notebooks of all releases make: what is asked, and what comes back."""

from pathlib import Path
from typing import Any

import pytest

from qiskit_serverless import Job, QiskitFunction, RunnableQiskitFunction, ServerlessClient
from qiskit_serverless.compute_profiles import ComputeProfile
from qiskit_serverless.definitions import Configuration, QiskitPattern
from qiskit_serverless.exceptions import (
    AccessError,
    DisabledFunctionError,
    InvalidArgumentError,
    InvalidRequestError,
)
from tests.unit.sdk.scripted_gateway import PROGRAMS, Answer, ScriptedGateway
from tests.unit.sdk.test_client import FUNCTION, JOBS, form

JOB = f"{JOBS}j-1/"


@pytest.fixture
def client(either_client: Any) -> Any:
    return either_client


@pytest.fixture
def job(gateway: ScriptedGateway, client: ServerlessClient) -> Job:
    gateway.answer("GET", JOB, {"id": "j-1", "status": "RUNNING", "sub_status": None})
    found = client.job("j-1")
    gateway.requests.clear()
    return found


@pytest.fixture
def function(client: ServerlessClient) -> RunnableQiskitFunction:
    return RunnableQiskitFunction.from_json({**FUNCTION, "provider": "lab", "client": client})


LOG = "start\nWARNING: one\nerror: two\nExcept three\nend"


@pytest.mark.parametrize(
    ("filters", "lines"),
    [
        ({}, LOG),
        ({"include": "(?i)error|except"}, "error: two\nExcept three\n"),
        ({"exclude": "^[a-z]"}, "WARNING: one\nExcept three\n"),
        ({"include": "o", "exclude": "WARN"}, "error: two\n"),
        ({"include": "none of it"}, ""),
    ],
)
def test_lines_of_a_log_are_chosen(gateway: ScriptedGateway, job: Job, filters: dict[str, str], lines: str) -> None:
    gateway.answer("GET", f"{JOB}logs/", {"logs": LOG})
    assert job.filtered_logs(**filters) == lines


def test_a_pattern_that_is_none(gateway: ScriptedGateway, job: Job) -> None:
    gateway.answer("GET", f"{JOB}logs/", {"logs": LOG})
    with pytest.raises(InvalidArgumentError, match=r"include='\(' is not a regular expression"):
        job.filtered_logs(include="(")


@pytest.mark.parametrize(("answer", "text"), [(Answer({"logs": "private"}), "private"), (Answer(b"", 204), "")])
def test_a_provider_reads_its_own_log(gateway: ScriptedGateway, job: Job, answer: Answer, text: str) -> None:
    gateway.answer("GET", f"{JOB}provider-logs/", answer)
    assert job.provider_logs() == text
    gateway.answer("GET", f"{JOB}provider-logs/", Answer({"message": "You don't have access to job [j-1]"}, 403))
    with pytest.raises(AccessError, match="don't have access"):
        job.provider_logs()


def test_qpu_jobs_and_sessions_of_a_job(gateway: ScriptedGateway, job: Job) -> None:
    started = [("c1", "s2"), ("c2", None), ("c3", "s1"), ("c4", "s2"), ("c5", "")]
    records = [{"runtime_job": each, "runtime_session": session} for each, session in started]
    gateway.answer("GET", f"{JOB}runtime_jobs/", {"runtime_jobs": records})
    assert job.runtime_jobs() == ["c1", "c2", "c3", "c4", "c5"]
    assert job.runtime_jobs("s2") == ["c1", "c4"]
    assert job.runtime_sessions() == ["s1", "s2"]


def test_a_fleet_has_an_id(client: ServerlessClient) -> None:
    assert Job("j", client, {"fleet_id": "f-9"}).fleet_id == "f-9"
    assert Job("j", client).fleet_id is None


def test_everybodys_jobs_of_a_providers_function(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    gateway.answer("GET", f"{JOBS}provider/", {"results": [{"id": "j-1", "status": "QUEUED"}]})
    [job] = client.provider_jobs(QiskitFunction("hello", "lab"), status="DONE", limit=3)
    assert job.job_id == "j-1"
    assert gateway.requests[0].query == {
        "function": "hello",
        "provider": "lab",
        "status": "SUCCEEDED",
        "limit": "3",
        "offset": "0",
    }
    with pytest.raises(InvalidArgumentError, match="'hello' has no provider"):
        client.provider_jobs("hello")


def test_arguments_are_checked_without_running(
    gateway: ScriptedGateway, client: ServerlessClient, function: RunnableQiskitFunction
) -> None:
    gateway.answer("POST", f"{PROGRAMS}validate_arguments/", {"valid": True})
    assert client.validate_arguments("lab/hello", {"shots": 1}) == {"valid": True}
    assert function.validate_arguments({"shots": 1}) == {"valid": True}
    assert gateway.requests[0].json == gateway.requests[1].json
    assert gateway.requests[0].json == {"title": "hello", "provider": "lab", "arguments": '{"shots":1}'}
    refusal = {"message": "'type' validation failed", "path": ["shots"]}
    gateway.answer("POST", f"{PROGRAMS}validate_arguments/", Answer(refusal, 400))
    with pytest.raises(InvalidRequestError, match=r"'type' validation failed\['shots'\]"):
        function.validate_arguments()


def test_functions_of_one_provider(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    client.functions(provider="lab", filter="catalog")
    assert gateway.requests[0].query == {"provider": "lab", "filter": "catalog"}


def test_what_functions_may_depend_on(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    gateway.answer("GET", "/api/v1/dependencies-versions/", Answer(["ffsim==0.0.60"]))
    assert client.dependencies_versions() == ["ffsim==0.0.60"]


def test_the_compute_profiles_on_offer(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    offered = {"name": "gx3d-8x40x1a100p", "cpu": 7.5, "mem": 40 * 10**9, "gpu": 1.0, "default": True}
    gateway.answer("GET", "/api/v1/compute-profiles/", [offered])
    assert client.compute_profiles() == [ComputeProfile("gx3d-8x40x1a100p", 7.5, 40 * 10**9, 1.0, True)]


def test_a_function_declares_sizes_and_runs_at_one(
    gateway: ScriptedGateway, client: ServerlessClient, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text("")
    sized = {**FUNCTION, "sizes": '{"s": "cx3d-4x10"}', "default_size": "s"}
    gateway.answer("POST", f"{PROGRAMS}upload/", sized)
    gateway.answer("POST", f"{PROGRAMS}run/", {"id": "j-1", "status": "QUEUED"})
    wanted = QiskitFunction(
        "hello", entrypoint="main.py", working_dir=str(tmp_path), sizes_map={"s": "cx3d-4x10"}, default_size="s"
    )
    function = client.upload(wanted)
    assert (function.sizes(), function.get_default_size()) == ({"s": "cx3d-4x10"}, "s")
    function.run(function_size="s", config=Configuration(workers=2))
    sent = form(gateway.requests[0])
    assert (sent["sizes"], sent["default_size"]) == ('{"s": "cx3d-4x10"}', "s")
    asked = gateway.requests[1].json
    assert (asked["function_size"], asked["arguments"]) == ("s", "{}")
    assert asked["config"] == {"workers": 2, "min_workers": None, "max_workers": None, "auto_scaling": False}


def test_a_function_without_sizes(function: RunnableQiskitFunction) -> None:
    assert (function.sizes(), function.get_default_size()) == ({}, None)


def test_a_function_that_is_switched_off(gateway: ScriptedGateway, function: RunnableQiskitFunction) -> None:
    gateway.answer("POST", f"{PROGRAMS}run/", Answer({"message": "Back on Monday."}, 423))
    with pytest.raises(DisabledFunctionError, match=r"Code: 423\n\| Details: Back on Monday\."):
        function.run()


OLD_NAMES: list[tuple[str, tuple[Any, ...], str, Any]] = [
    ("get", ("hello",), f"{PROGRAMS}get_by_title/hello/", FUNCTION),
    ("list", (), PROGRAMS, [FUNCTION]),
    ("get_jobs", (), JOBS, {"results": [{"id": "j-1"}]}),
    ("get_job_by_id", ("j-1",), JOB, {"id": "j-1"}),
]


@pytest.mark.parametrize(("name", "arguments", "path", "answer"), OLD_NAMES)
def test_old_names_of_calls_go_on_and_tell_the_new_ones(
    gateway: ScriptedGateway, client: ServerlessClient, name: str, arguments: tuple[Any, ...], path: str, answer: Any
) -> None:
    gateway.answer("GET", path, Answer(answer))
    with pytest.warns(DeprecationWarning, match=rf"{name}\(\) is called "):
        found = getattr(client, name)(*arguments)
    [found] = found if isinstance(found, list) else [found]
    assert (getattr(found, "title", "hello"), getattr(found, "job_id", "j-1")) == ("hello", "j-1")


def test_old_names_of_a_functions_calls(gateway: ScriptedGateway, function: RunnableQiskitFunction) -> None:
    gateway.answer("GET", JOBS, {"results": []})
    with pytest.warns(DeprecationWarning, match=r"jobs\(\)"):
        assert function.get_jobs() == []


def test_old_ways_to_make_a_client_and_a_function(gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    with ServerlessClient(name="gateway", host=gateway.url, token="t", verbose=False) as first:
        kept = first.to_dict()
    with ServerlessClient.from_dict({**kept, "name": "gateway"}) as again:
        assert (again.host, again.token) == (gateway.url, "t")
    monkeypatch.setenv("ENV_GATEWAY_PROVIDER_VERSION", "v9")
    with ServerlessClient(gateway.url, token="t") as newer:
        assert newer.version == "v9"
    assert QiskitPattern("lab/hello", validate=False, schema=None).provider == "lab"
