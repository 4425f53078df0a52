"""Files in a bucket: what it costs to bring them to a program and to store what it leaves."""

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.running_platform import start_platform
from tests.s3 import s3_server

from benchmarks.table import Finding, at_most
from qiskit_serverless import QiskitFunction, ServerlessClient
from qiskit_serverless.functions import RunnableQiskitFunction as Function

SMALL_FILES = 10_000
SMALL_BYTES = 2_000
LARGE_BYTES = 1_000_000_000

HELLO = "from qiskit_serverless import save_result\nsave_result(1)\n"
LOOK = """
import os, time
from qiskit_serverless import save_result
began = time.perf_counter()
path = os.environ["DATA_PATH"]
save_result((time.perf_counter() - began, sum(len(names) for _, _, names in os.walk(path))))
"""
WRITE_SMALL = f"""
import os
from pathlib import Path
data = Path(os.environ["DATA_PATH"]) / "small"
data.mkdir(exist_ok=True)
for number in range({SMALL_FILES}):
    (data / str(number)).write_bytes(os.urandom({SMALL_BYTES}))
"""
WRITE_LARGE = f"""
import os
from pathlib import Path
with open(Path(os.environ["DATA_PATH"]) / "large", "wb") as file:
    for _ in range({LARGE_BYTES} // 1_000_000):
        file.write(os.urandom(1_000_000))
"""
CLEAR = """
import os, shutil
for name in os.listdir(os.environ["DATA_PATH"]):
    path = os.path.join(os.environ["DATA_PATH"], name)
    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
"""


class _Programs:
    """Programs on a platform with a bucket."""

    def __init__(self, client: ServerlessClient, folder: Path) -> None:
        self._client = client
        self._folder = folder

    def upload(self, title: str, program: str) -> Function:
        """Upload a program."""
        source = self._folder / title
        source.mkdir()
        (source / "main.py").write_text(program)
        return self._client.upload(QiskitFunction(title, entrypoint="main.py", working_dir=str(source)))


def _seconds(function: Function) -> float:
    """Return how long a job takes from its submission to its result."""
    began = time.perf_counter()
    function.run().result()
    return time.perf_counter() - began


def _median(function: Function, rounds: int) -> float:
    return statistics.median(_seconds(function) for _ in range(rounds))


def findings(rounds: int = 5) -> Iterator[Finding]:
    """Measure jobs beside, with and of many small files, and one large one."""
    folder = Path(tempfile.mkdtemp(prefix="treadle-bench-"))
    with s3_server() as s3:
        platform = start_platform(**s3.settings())
        client = ServerlessClient(platform.url, token=platform.token)
        programs = _Programs(client, folder)
        hello, look = programs.upload("hello", HELLO), programs.upload("look", LOOK)
        _seconds(hello)
        empty, looked = _median(hello, rounds), _median(look, rounds)
        yield at_most("job that looks at no files", looked, "s", empty + 0.2, f"hello world {empty:.2f} s")
        yield from _small(programs, hello, look, empty, rounds)
        yield from _large(programs, hello, look, empty, rounds)
        client.close()
        platform.close()
    shutil.rmtree(folder)


def _small(programs: _Programs, hello: Function, look: Function, empty: float, rounds: int) -> Iterator[Finding]:
    written = _seconds(programs.upload("write-small", WRITE_SMALL))
    yield at_most(f"job that leaves {SMALL_FILES} files of {SMALL_BYTES} bytes", written, "s", 10)
    beside = _median(hello, rounds)
    remark = f"without them {empty:.2f} s"
    yield at_most(
        f"hello world with {SMALL_FILES} files that it does not look at", beside, "s", 1.2 * empty + 0.05, remark
    )
    brought = statistics.median(look.run().result()[0] for _ in range(rounds))
    yield at_most(f"look at {SMALL_FILES} small files", brought, "s", 5, f"{SMALL_FILES / brought:.0f} files/s")
    _seconds(programs.upload("clear", CLEAR))


def _large(programs: _Programs, hello: Function, look: Function, empty: float, rounds: int) -> Iterator[Finding]:
    megabytes = LARGE_BYTES / 1e6
    written = _seconds(programs.upload("write-large", WRITE_LARGE))
    yield at_most(
        "job that leaves 1 GB in one file", written, "s", 20, f"{megabytes / written:.0f} MB/s with its writing"
    )
    yield at_most("hello world with 1 GB that it does not look at", _median(hello, rounds), "s", 1.2 * empty + 0.05)
    first = look.run().result()[0]
    yield at_most("look at 1 GB, new on this machine", first, "s", 20, f"{megabytes / first:.0f} MB/s")
    again = statistics.median(look.run().result()[0] for _ in range(rounds))
    yield at_most("look at 1 GB that an earlier job had there", again, "s", 5, f"{megabytes / again:.0f} MB/s")
