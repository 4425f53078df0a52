"""Two gateways and two dispatchers under load, of which one is killed, or stopped for longer than a lease, every few seconds.

Whatever happens, every accepted job ends exactly once, no attempt is run twice, events are in order, and watchers see them all.
`make chaos` runs this for minutes; the tests of every change, for some seconds.
"""

import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from qiskit_serverless.exceptions import JobFailedError
from tests.e2e.conftest import uploader
from tests.parts import Parts, platform_in_parts
from tests.postgresql import PostgresqlServer
from tests.running_platform import RunningPlatform
from tests.s3 import S3Server

SECONDS = float(os.environ.get("CHAOS_SECONDS", "8"))
LEASE_SECONDS = 6.0
USERS = 3
PROGRAM = """
import os, time
from qiskit_serverless import get_arguments, save_result

arguments = get_arguments()
_, job, attempt, *_ = os.environ["ENV_JOB_GATEWAY_TOKEN"].split(".")
with open(arguments["witness"], "a") as witness:
    witness.write(f"{job} {attempt}\\n")
for line in range(20):
    print("line", line, flush=True)
    time.sleep(arguments["pause"])
save_result(arguments["number"])
"""
LOG = "".join(f"line {line}\n" for line in range(20))
FOLLOWERS = {
    None: {"QUEUED"},
    "QUEUED": {"PENDING"},
    "PENDING": {"QUEUED", "RUNNING"},
    "RUNNING": {"SUCCEEDED"},
    "SUCCEEDED": set(),
}


@dataclass
class Load:
    """Users who run jobs one after the other, and watch each to its end.

    Attributes:
        witness: File in which each program notes that it has begun, with its job and attempt.
        seen: What its watcher saw of each job: its log, its statuses, its result.
        over: Set when no more jobs are to be begun.
    """

    witness: Path
    seen: dict[str, tuple[str, list[str], Any, int]] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def run_jobs(self, function: Any) -> None:
        while not self.over.is_set():
            number = next(self.numbers)
            job = function.run(witness=str(self.witness), number=number, pause=random.uniform(0.0, 0.1))
            log, statuses = "", []
            for event in job.follow():
                log += event.log or ""
                statuses += [event.status] if event.status else []
            self.seen[job.job_id] = (log, statuses, job.result(), number)


@pytest.fixture(scope="module")
def parts(postgresql: PostgresqlServer, s3: S3Server) -> Iterator[Parts]:
    settings = {
        "TREADLE_DATABASE": postgresql.new_database(),
        "TREADLE_LEASE_SECONDS": str(LEASE_SECONDS),
        "TREADLE_RUNNING_JOBS": "4",
        **s3.settings(s3.new_url()),
    }
    with platform_in_parts(**settings) as made:
        yield made


GATED = """
import os, pathlib, time
from qiskit_serverless import get_arguments
print(os.getpid(), flush=True)
while not pathlib.Path(get_arguments()["gate"]).exists():
    time.sleep(0.01)
"""


def test_a_job_is_stopped_whatever_gateway_is_asked(parts: Parts, tmp_path: Path) -> None:
    function = uploader(parts.client(), tmp_path)("gated", GATED)
    for gateway in parts.gateways:
        job = function.run(gate=str(tmp_path / "never"))
        program = process_of(job)
        asked = parts.client(gateway.url).job(job.job_id)
        assert asked.cancel() == "Job has been stopped."
        assert asked.status() == "CANCELED"
        assert not program.is_running()


def test_what_a_dead_machine_ran_is_given_up_by_the_other_dispatcher_within_a_lease(
    parts: Parts, tmp_path: Path
) -> None:
    function = uploader(parts.client(), tmp_path)("doomed", GATED)
    job = function.run(gate=str(tmp_path / "never"))
    program = process_of(job)
    machine = next(each for each in parts.dispatchers if program in each.processes())
    machine.kill()
    for process in machine.processes():
        process.kill()
    with pytest.raises(JobFailedError) as caught:
        job.result()
    assert caught.value.cause["code"] == "worker_lost"
    gate = tmp_path / "gate"
    gate.touch()
    others = [function.run(gate=str(gate)) for _ in range(3)]
    for other in others:
        other.result()
        assert other.status() == "DONE"
    machine.restart()


def process_of(job: Any) -> psutil.Process:
    """Return the process of a program that has printed its number first."""
    for event in job.follow():
        if event.log:
            return psutil.Process(int(event.log))
    raise AssertionError("the job ended before it printed anything")


def kill(victim: RunningPlatform) -> None:
    victim.kill()
    victim.restart()


def stop_for_longer_than_a_lease(victim: RunningPlatform) -> None:
    """Let it sleep as a machine that is starved or suspended does; it does not know of that afterwards."""
    victim.process.send_signal(signal.SIGSTOP)
    time.sleep(1.5 * LEASE_SECONDS)
    victim.process.send_signal(signal.SIGCONT)


def wreak_havoc(parts: Parts, seconds: float) -> Counter[str]:
    """Do something bad to one process after the other. Returns what was done how often."""
    done: Counter[str] = Counter()
    end = time.monotonic() + seconds
    dispatcher, *others = parts.dispatchers[::-1]
    plan = [(kill, parts.gateways[0]), (stop_for_longer_than_a_lease, dispatcher), (kill, others[0])]
    plan += [(kill, parts.gateways[1]), (kill, dispatcher), (stop_for_longer_than_a_lease, parts.gateways[0])]
    for act, victim in itertools.cycle(plan):
        act(victim)
        done[act.__name__] += 1
        if time.monotonic() > end and done.total() > 2:
            return done
    raise AssertionError("unreachable")


@pytest.mark.timeout(SECONDS + 240)
def test_every_job_ends_once_whatever_is_killed_and_its_watcher_sees_all_of_it(parts: Parts, tmp_path: Path) -> None:
    uploader(parts.client(), tmp_path)("witness", PROGRAM)
    load = Load(tmp_path / "begun")
    functions = [parts.client().function("witness") for _ in range(USERS)]
    with ThreadPoolExecutor(USERS) as users:
        running = [users.submit(load.run_jobs, function) for function in functions]
        try:
            done = wreak_havoc(parts, SECONDS)
        finally:
            load.over.set()
        for user in running:
            user.result()
    begun = load.witness.read_text().split("\n")[:-1]
    print(f"{len(load.seen)} jobs, {dict(done)}, attempts {Counter(line.split()[1] for line in begun)}")
    assert len(load.seen) >= USERS
    assert Counter(line.split()[0] for line in begun) == dict.fromkeys(load.seen, 1), "each program begins once"
    listed = {job.job_id for job in parts.client().jobs(limit=10_000, function="witness")}
    assert listed == set(load.seen), "no job was accepted twice, and none was lost"
    for job_id, (log, statuses, result, number) in load.seen.items():
        assert (log, result) == (LOG, number)
        assert statuses[-1] == "DONE"
        check_history(parts, job_id)


def check_history(parts: Parts, job_id: str) -> None:
    """Check that the events of a job tell a story that can be: in order, with one end."""
    before = None
    for event in reversed(parts.client().job(job_id).events()):
        if event.event_type == "STATUS_CHANGE":
            assert event.data["status"] in FOLLOWERS[before]
            before = event.data["status"]
    assert before == "SUCCEEDED"
