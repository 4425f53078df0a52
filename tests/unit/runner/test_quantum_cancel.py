"""Ending jobs on quantum computers: each gets its sentence, and one that cannot be ended keeps none of the others."""

from typing import Any

import pytest
from qiskit_ibm_runtime.exceptions import IBMRuntimeError, RuntimeJobNotFound

from treadle.adapters.quantum_jobs import RuntimeClientProcess
from treadle.domain.jobs import RuntimeJob
from treadle.runner import quantum_cancel


class Service:
    """Stands for IBM's service, which nobody can reach from here: it knows some jobs, and how each takes to be ended."""

    def __init__(self, **jobs: Exception | None) -> None:
        self.ended: list[str] = []
        self._jobs = jobs

    def job(self, name: str) -> "Service.Job":
        if name not in self._jobs:
            raise RuntimeJobNotFound(f"Job not found: {name}.\nTrace: ...")
        return Service.Job(self, name)

    class Job:
        """A job on a quantum computer."""

        def __init__(self, service: "Service", name: str) -> None:
            self._service, self._name = service, name

        def cancel(self) -> None:
            refusal = self._service._jobs[self._name]
            if refusal is not None:
                raise refusal
            self._service.ended.append(self._name)


def cancel(service: Any, *names: str) -> list[str]:
    return [quantum_cancel._cancel(service, name, None) for name in names]


def test_each_job_is_ended_and_told() -> None:
    service = Service(q1=None, q2=None)
    assert cancel(service, "q1", "q2") == ["Canceled runtime job [q1].", "Canceled runtime job [q2]."]
    assert service.ended == ["q1", "q2"]


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (IBMRuntimeError("It is done already."), "It is done already."),
        (OSError("no route"), "no route."),
        (ValueError(""), "ValueError."),
        (IBMRuntimeError("x" * 300), "x" * 200 + "."),
    ],
    ids=["refused", "unreachable", "without words", "long"],
)
def test_what_cannot_be_ended_says_why_in_a_line_and_the_next_one_is_ended(refusal: Exception, words: str) -> None:
    service = Service(q1=refusal, q3=None)
    first, second, third = cancel(service, "q1", "q2", "q3")
    assert first == f"Runtime job [q1] could not be canceled: {words}"
    assert second == "Runtime job [q2] could not be canceled: Job not found: q2."
    assert third == "Canceled runtime job [q3]."


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_service_that_does_not_answer_in_time_is_given_up() -> None:
    account = {"channel": "ibm_cloud", "token": "t", "instance": "i", "url": "https://127.0.0.1:9"}
    told = await RuntimeClientProcess(seconds=0.01).cancel(account, [RuntimeJob("q1", None), RuntimeJob("q2", "s")])
    assert told == [
        f"Runtime job [{name}] could not be canceled: the service did not answer within 0.01 s."
        for name in ("q1", "q2")
    ]
