"""The asynchronous client: the same calls, awaited. What the calls mean is told by the tests of the blocking one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from qiskit_serverless import AsyncJob, AsyncServerlessClient, QiskitFunction
from qiskit_serverless.exceptions import AccessError, JobFailedError, NotFoundError, WaitTimeoutError
from qiskit_serverless.records import JobUpdate
from tests.unit.sdk.scripted_gateway import PROGRAMS, Answer, ScriptedGateway, stream
from tests.unit.sdk.test_client import FUNCTION
from tests.unit.sdk.test_jobs import END, ID, JOB, failed, log, record, status

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(gateway: ScriptedGateway) -> AsyncIterator[AsyncServerlessClient]:
    async with AsyncServerlessClient(gateway.url, token="t0ken") as connected:
        gateway.requests.clear()
        yield connected


async def test_entering_a_client_sees_that_it_is_let_in(gateway: ScriptedGateway) -> None:
    gateway.answer("GET", PROGRAMS, Answer({"detail": "no"}, 401))
    client = AsyncServerlessClient(gateway.url, token="t")
    assert gateway.requests == []
    with pytest.raises(AccessError, match="Credentials couldn't be verified"):
        await client.__aenter__()
    await client.aclose()


async def test_a_function_is_uploaded_run_and_waited_for(
    gateway: ScriptedGateway, client: AsyncServerlessClient, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text("print('hello')\n")
    gateway.answer("POST", f"{PROGRAMS}upload/", FUNCTION)
    gateway.answer("POST", f"{PROGRAMS}run/", {"id": ID, "status": "QUEUED"})
    gateway.answer("GET", f"{JOB}stream/", Answer({}, 503), stream(status("RUNNING"), status("SUCCEEDED"), END))
    gateway.answer("GET", f"{JOB}result/", {"result": '{"a": 1}'})
    gateway.answer("GET", JOB, record("SUCCEEDED"))

    function = await client.upload(QiskitFunction("hello", entrypoint="main.py", working_dir=str(tmp_path)))
    job = await function.run(name="Ada")

    assert isinstance(job, AsyncJob)
    assert await job.result() == {"a": 1}
    assert await job.status() == "DONE"
    assert await job.sub_status() is None
    assert gateway.asked("POST", f"{PROGRAMS}run/")[0].json["arguments"] == '{"name":"Ada"}'


async def test_a_job_is_followed(gateway: ScriptedGateway, client: AsyncServerlessClient) -> None:
    gateway.answer(
        "GET",
        f"{JOB}stream/",
        stream(status("RUNNING", at="1.0"), log("one\n", "1.4")),
        stream(log("two\n", "1.8"), status("SUCCEEDED", at="2.8"), END),
    )
    updates = [update async for update in AsyncJob(ID, client).follow()]
    assert updates == [
        JobUpdate(status="RUNNING"),
        JobUpdate(log="one\n"),
        JobUpdate(log="two\n"),
        JobUpdate(status="DONE"),
    ]
    assert gateway.requests[1].headers["last-event-id"] == "1.4"


async def test_a_job_is_followed_on_a_gateway_that_cannot_stream(
    gateway: ScriptedGateway, client: AsyncServerlessClient
) -> None:
    gateway.answer("GET", JOB, record("RUNNING"), record("SUCCEEDED"))
    gateway.answer("GET", f"{JOB}logs/", {"logs": "one\n"})
    updates = [update async for update in client.watch(ID, cadence=0.001)]
    assert updates == [JobUpdate(status="RUNNING"), JobUpdate(log="one\n"), JobUpdate(status="DONE")]


async def test_many_jobs_are_waited_for_at_once(gateway: ScriptedGateway, client: AsyncServerlessClient) -> None:
    gateway.answer("GET", f"{JOB}stream/", stream(status("SUCCEEDED"), END, cut=""))
    gateway.answer("GET", f"{JOB}result/", {"result": "7"})
    results = await asyncio.gather(*(AsyncJob(ID, client).result() for _ in range(8)))
    assert results == [7] * 8


async def test_following_may_be_given_up_early(gateway: ScriptedGateway, client: AsyncServerlessClient) -> None:
    gateway.answer("GET", f"{JOB}stream/", stream(status("RUNNING"), cut="never"))
    async for update in AsyncJob(ID, client).follow():
        assert update.status == "RUNNING"
        break


async def test_errors_are_those_of_the_blocking_client(gateway: ScriptedGateway, client: AsyncServerlessClient) -> None:
    failed(gateway, {"code": "c", "message": "m", "exception": "E", "args": None})
    with pytest.raises(JobFailedError, match="Message: m"):
        await AsyncJob(ID, client).result()
    with pytest.raises(NotFoundError):
        await client.function("none")
    gateway.answer("GET", f"{JOB}stream/", stream(status("RUNNING"), cut="never"))
    with pytest.raises(WaitTimeoutError):
        await AsyncJob(ID, client).result(timeout=0.02)


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize("name", ["ServerlessClient", "Job", "RunnableQiskitFunction"])
def test_both_sides_have_the_same_methods(name: str) -> None:
    import qiskit_serverless.client
    import qiskit_serverless.functions
    import qiskit_serverless.jobs
    from qiskit_serverless.aio.functions import AsyncRunnableQiskitFunction

    sides: dict[str, tuple[Any, Any]] = {
        "ServerlessClient": (qiskit_serverless.client.ServerlessClient, AsyncServerlessClient),
        "Job": (qiskit_serverless.jobs.Job, AsyncJob),
        "RunnableQiskitFunction": (qiskit_serverless.functions.RunnableQiskitFunction, AsyncRunnableQiskitFunction),
    }
    blocking, asynchronous = map(public, sides[name])
    assert blocking == {name.replace("aclose", "close") for name in asynchronous}
