"""Programs and supervisors on a disk that becomes full."""

import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.engine.running_engine import RunningEngine
from tests.conformance.runner_gateway import tar_of
from treadle.domain.outcome import Ending

MEGABYTES = 4


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[RunningEngine]:
    """An engine whose home folder is on a file system of its own, with little room."""
    home = tmp_path / "home"
    home.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(home)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a small file system")
    engine = RunningEngine(home).warm()
    try:
        yield engine
    finally:
        engine.close_engine()
        engine.gateway.close()
        subprocess.run(["umount", "--lazy", str(home)], check=True)


def assert_clean(engine: RunningEngine) -> None:
    assert list((engine.home / "jobs").iterdir()) == []


FILL = """
    import os
    def fill(path):
        with open(path, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
"""


def test_a_program_that_fills_the_disk(small_disk: RunningEngine) -> None:
    engine = small_disk
    job = engine.submit({"main.py": "from filling import fill\nprint('begun')\nfill('large')\n", "filling.py": FILL})

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert outcome.failure is not None
    assert (outcome.exit_code, outcome.failure.type, outcome.failure.file) == (1, "OSError", "filling.py")
    assert outcome.failure.details == {"errno": errno.ENOSPC}
    assert job.text.startswith("begun\n")
    assert_clean(engine)


def test_a_program_whose_log_fills_the_disk(small_disk: RunningEngine) -> None:
    engine = small_disk
    job = engine.submit("while True: print('x' * 1000)")

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert outcome.failure is not None
    assert outcome.failure.details == {"errno": errno.ENOSPC}
    assert len(job.log) > 1_000_000
    assert set(job.text) == {"x", "\n"}
    assert_clean(engine)


def test_a_program_that_has_ended_well_on_a_full_disk(small_disk: RunningEngine) -> None:
    engine = small_disk
    program = """
        from filling import fill
        from qiskit_serverless import save_result
        save_result("saved before")
        print("begun")
        try:
            fill("large")
        except OSError:
            pass
    """
    job = engine.submit({"main.py": program, "filling.py": FILL})

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert (outcome.ending, outcome.exit_code, outcome.has_result) == (Ending.EXITED, 0, True)
    assert job.result == b'"saved before"'
    assert_clean(engine)


def test_a_disk_without_room_for_the_program(small_disk: RunningEngine) -> None:
    engine = small_disk
    job = engine.gateway.add(tar_of({"main.py": "#" * (MEGABYTES + 1) * 1024**2}))
    engine.start(job)

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert outcome.ending is Ending.NOT_STARTED
    assert outcome.failure is not None
    assert outcome.failure.details == {"errno": errno.ENOSPC}
    assert_clean(engine)


def test_a_full_disk_from_the_start(small_disk: RunningEngine) -> None:
    engine = small_disk
    with pytest.raises(OSError, match="No space"):
        (engine.home / "others").write_bytes(bytes(2 * MEGABYTES * 1024**2))
    job = engine.submit("print('never')")

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert outcome.ending is Ending.NOT_STARTED
    assert outcome.failure is not None
    assert outcome.failure.details == {"errno": errno.ENOSPC}
    assert_clean(engine)
