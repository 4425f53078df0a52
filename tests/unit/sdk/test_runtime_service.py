"""The QPU service of a job: the account it takes, and that what it starts is recorded."""

from dataclasses import dataclass
from typing import Any

import pytest
from qiskit_ibm_runtime import QiskitRuntimeService

from qiskit_serverless import ServerlessRuntimeService, get_runtime_service
from qiskit_serverless.local_service import LocalService
from qiskit_serverless.serialization import dumps
from tests.unit.sdk.scripted_gateway import ScriptedGateway


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QiskitRuntimeService, "saved_accounts", staticmethod(dict))
    for name in ("QISKIT_IBM_CHANNEL", "QISKIT_IBM_INSTANCE", "QISKIT_IBM_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The options with which the library's service, which would ask IBM, is made."""
    options: dict[str, Any] = {}
    monkeypatch.setattr(QiskitRuntimeService, "__init__", lambda _, **given: options.update(given))
    return options


def test_without_an_account_it_is_the_local_service() -> None:
    assert isinstance(get_runtime_service(), LocalService)
    assert isinstance(ServerlessRuntimeService(), LocalService)


def test_the_local_channel_is_the_local_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "t")
    assert isinstance(get_runtime_service(channel="local"), LocalService)
    monkeypatch.setenv("QISKIT_IBM_CHANNEL", "local")
    assert isinstance(get_runtime_service(), LocalService)


def test_the_local_service_can_be_sent() -> None:
    assert dumps(get_runtime_service()) == '{"__type__":"QiskitRuntimeService","__value__":{"channel":"local"}}'


def test_the_account_comes_from_the_environment_and_arguments_win(
    monkeypatch: pytest.MonkeyPatch, account: dict[str, Any]
) -> None:
    for name in ("CHANNEL", "TOKEN", "INSTANCE", "URL"):
        monkeypatch.setenv(f"QISKIT_IBM_{name}", f"env-{name.lower()}")
    monkeypatch.setenv("QISKIT_IBM_PRIVATE_ENDPOINT", "True")
    service = get_runtime_service(token="given")
    assert type(service) is ServerlessRuntimeService
    assert account == {
        "channel": "env-channel",
        "token": "given",
        "instance": "env-instance",
        "url": "env-url",
        "private_endpoint": True,
    }


@dataclass
class Started:
    session_id: str | None

    def job_id(self) -> str:
        return "c1"


@pytest.mark.usefixtures("account")
def test_what_it_starts_is_recorded_with_the_job(gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.answer("POST", "/api/v1/jobs/j-1/runtime_jobs/", {"message": "ok"})
    monkeypatch.setattr(QiskitRuntimeService, "_run", lambda _, *__, session_id=None, **___: Started(session_id))
    monkeypatch.setenv("ENV_JOB_GATEWAY_HOST", gateway.url)
    monkeypatch.setenv("ENV_JOB_GATEWAY_TOKEN", "t")
    monkeypatch.setenv("ENV_JOB_ID_GATEWAY", "j-1")
    service = get_runtime_service(channel="ibm_cloud", token="t")
    assert service._run("sampler", {}, None, session_id="s1").job_id() == "c1"
    assert gateway.requests[0].json == {"runtime_job": "c1", "runtime_session": "s1"}


@pytest.mark.usefixtures("account")
def test_a_job_is_started_whether_or_not_it_can_be_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QiskitRuntimeService, "_run", lambda *_, **__: Started(None))
    assert get_runtime_service(token="t")._run("sampler", {}).job_id() == "c1"
