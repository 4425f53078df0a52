"""IBM's client: which account it takes, and what it asks of IBM Quantum before it runs a function.

IBM Quantum is played by a class in the place of the runtime client's service.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime.accounts import management

from qiskit_serverless import IBMServerlessClient, ibm_client
from qiskit_serverless.exceptions import (
    InvalidArgumentError,
    LimitError,
    PlatformNotFoundError,
    RuntimeServiceError,
)
from tests.unit.sdk.scripted_gateway import PROGRAMS, Answer, ScriptedGateway

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/1:2::"
TOKEN = "k" * 44


@pytest.fixture(autouse=True)
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of saved accounts that is not the one of who runs the tests."""
    file = tmp_path / "qiskit-ibm.json"
    monkeypatch.setattr(management, "_DEFAULT_ACCOUNT_CONFIG_JSON_FILE", str(file))
    for name in ("QISKIT_IBM_CHANNEL", "QISKIT_IBM_INSTANCE", "QISKIT_IBM_URL"):
        monkeypatch.delenv(name, raising=False)
    return file


class IBMQuantum:
    """What the tests need of IBM Quantum."""

    used: ClassVar[dict[str, Any]] = {}
    names: ClassVar[list[str]] = ["ibm_torino"]
    away: ClassVar[bool] = False

    def __init__(self, channel: str, token: str, instance: str) -> None:
        self.account = (channel, token, instance)
        if self.away:
            raise requests.ConnectionError("no route")

    def usage(self) -> dict[str, Any]:
        return self.used

    def backends(self, **_: Any) -> list[str]:
        return self.names

    def backend(self, name: str) -> str:
        if name not in self.names:
            raise QiskitBackendNotFoundError(f"No backend {name}.")
        return name

    def least_busy(self, **_: Any) -> str:
        return self.names[0]


@pytest.fixture
def quantum(monkeypatch: pytest.MonkeyPatch) -> type[IBMQuantum]:
    kind = type("IBMQuantumOfThisTest", (IBMQuantum,), {})
    monkeypatch.setattr(ibm_client, "QiskitRuntimeService", kind)
    return kind


@pytest.fixture
def client(gateway: ScriptedGateway, quantum: type[IBMQuantum]) -> Iterator[IBMServerlessClient]:
    gateway.answer("POST", f"{PROGRAMS}run/", {"id": "j-1", "status": "QUEUED"})
    gateway.answer("POST", "/api/v1/jobs/j-1/stop/", {"message": "stopped"})
    with IBMServerlessClient(TOKEN, instance=CRN, host=gateway.url) as connected:
        gateway.requests.clear()
        yield connected


def test_a_token_and_an_instance_are_enough(gateway: ScriptedGateway) -> None:
    with IBMServerlessClient(TOKEN, instance=CRN, host=gateway.url) as client:
        assert (client.token, client.instance, client.channel) == (TOKEN, CRN, "ibm_quantum_platform")
    headers = gateway.requests[0].headers
    assert (headers["service-channel"], headers["service-crn"]) == ("ibm_quantum_platform", CRN)


def test_saved_accounts_are_found_by_default_and_by_name(gateway: ScriptedGateway, accounts: Path) -> None:
    IBMServerlessClient.save_account(token=TOKEN, instance=CRN, channel="ibm_quantum_platform")
    IBMServerlessClient.save_account(token="o" * 44, name="other", instance=f"{CRN}x", channel="ibm_cloud")
    assert {each["token"] for each in json.loads(accounts.read_text()).values()} == {TOKEN, "o" * 44}
    with IBMServerlessClient(host=gateway.url) as client:
        assert (client.token, client.instance) == (TOKEN, CRN)
    with IBMServerlessClient(name="other", host=gateway.url) as client:
        assert (client.token, client.instance, client.channel) == ("o" * 44, f"{CRN}x", "ibm_cloud")


def test_the_environment_comes_before_the_default_account(
    gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    IBMServerlessClient.save_account(token=TOKEN, instance=CRN)
    monkeypatch.setenv("ENV_GATEWAY_PROVIDER_TOKEN", "e" * 44)
    with IBMServerlessClient(instance=CRN, host=gateway.url) as client:
        assert client.token == "e" * 44


def test_an_account_is_not_overwritten_unasked() -> None:
    IBMServerlessClient.save_account(token=TOKEN, instance=CRN)
    with pytest.raises(InvalidArgumentError, match=r"cannot be saved: .*overwrite"):
        IBMServerlessClient.save_account(token=TOKEN, instance=CRN)
    with pytest.raises(InvalidArgumentError, match=r"cannot be saved: .*channel"):
        IBMServerlessClient.save_account(token=TOKEN, channel="cable")


def test_no_account_and_no_instance_are_told(gateway: ScriptedGateway) -> None:
    with pytest.raises(PlatformNotFoundError, match="There is no IBM Quantum account"):
        IBMServerlessClient(host=gateway.url)
    with pytest.raises(PlatformNotFoundError, match="There is no IBM Quantum account"):
        IBMServerlessClient(name="nobody", host=gateway.url)
    with pytest.raises(InvalidArgumentError, match=r"names no instance\. Pass instance=<CRN>"):
        IBMServerlessClient(TOKEN, host=gateway.url)
    assert gateway.requests == []


def test_it_shows_the_backends_and_the_usage_of_the_instance(
    client: IBMServerlessClient, quantum: type[IBMQuantum]
) -> None:
    quantum.used = {"usage_remaining_seconds": 7}
    assert client.service.account == ("ibm_quantum_platform", TOKEN, CRN)
    assert client.usage() == {"usage_remaining_seconds": 7}
    assert client.backends(min_num_qubits=100) == ["ibm_torino"]
    assert client.backend("ibm_torino") == client.least_busy() == "ibm_torino"
    with pytest.raises(RuntimeServiceError, match="did not find backend 'ibm_none'"):
        client.backend("ibm_none")


def test_a_function_is_run_when_there_is_time_and_a_backend(
    gateway: ScriptedGateway, client: IBMServerlessClient
) -> None:
    job = client.run("lab/hello", {"backend_name": "ibm_torino"}, function_size="s")
    assert job.job_id == "j-1"
    assert gateway.requests[0].json["function_size"] == "s"


@pytest.mark.parametrize("used", [{"usage_remaining_seconds": 0.5}, {"usage_limit_reached": True}])
def test_without_time_it_is_not_run(
    gateway: ScriptedGateway, client: IBMServerlessClient, quantum: type[IBMQuantum], used: dict[str, Any]
) -> None:
    quantum.used = used
    with pytest.raises(LimitError, match="No QPU time is left"):
        client.run("hello")
    assert gateway.requests == []


def test_little_time_is_told_unless_one_knows(client: IBMServerlessClient, quantum: type[IBMQuantum]) -> None:
    quantum.used = {"usage_remaining_seconds": 60}
    with pytest.warns(UserWarning, match="Only 60 s of QPU time"):
        client.run("hello")
    assert client.run("hello", suppress_low_usage_warning=True).job_id == "j-1"


def test_without_a_backend_it_is_not_run(
    gateway: ScriptedGateway, client: IBMServerlessClient, quantum: type[IBMQuantum]
) -> None:
    with pytest.raises(RuntimeServiceError, match="'ibm_none'"):
        client.run("hello", {"backend_name": "ibm_none"})
    quantum.names = []
    with pytest.raises(RuntimeServiceError, match="has no backends"):
        client.run("hello")
    assert gateway.requests == []


def test_a_job_ends_even_when_ibm_quantum_is_away(
    gateway: ScriptedGateway, client: IBMServerlessClient, quantum: type[IBMQuantum]
) -> None:
    quantum.away = True
    gateway.answer("POST", "/api/v1/jobs/j-1/stop/", Answer({"message": "stopped"}))
    with pytest.warns(UserWarning, match="its QPU jobs may go on"):
        assert client.stop("j-1") == "stopped"
