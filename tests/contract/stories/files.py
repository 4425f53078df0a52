"""Files go to a program and come back from it."""

from pathlib import Path
from typing import Any

from setup import RELEASE, Setup, refusal

from qiskit_serverless import ServerlessClient
from qiskit_serverless.core.function import RunnableQiskitFunction

BYTES = bytes(range(256)) * 300


def tell(setup: Setup) -> dict[str, Any]:
    client = setup.connect()
    client.upload(setup.function("reader"))
    function = client.function(setup.title("reader"))
    desk = Path(setup.folder)
    name = f"{setup.title('integrals')}.npy"
    (desk / name).write_bytes(BYTES)
    client.file_upload(str(desk / name), **of(function))
    listed = client.files(**of(function)).count(name)
    job = function.run(name=name)
    return {
        "listed": listed,
        "read_whole": job.result(cadence=0.05) == {"read": BYTES.hex()},
        "written_by_the_program": client.files(**of(function)).count("from-the-program.txt"),
        "downloaded": download(client, function, "from-the-program.txt", desk),
        "came_back_whole": download_bytes(client, function, name, desk) == BYTES,
        "deleted": delete(client, function, name),
        "missing": refusal(lambda: client.file_download("nothing.txt", **of(function), download_location=str(desk))),
    }


def of(function: RunnableQiskitFunction) -> dict[str, Any]:
    """Since 0.24 files belong to a function; before, they were the user's."""
    return {} if RELEASE == "0.18.1" else {"function": function}


def download_bytes(client: ServerlessClient, function: RunnableQiskitFunction, name: str, desk: Path) -> bytes:
    client.file_download(name, **of(function), target_name="back", download_location=str(desk))
    return (desk / "back").read_bytes()


def download(client: ServerlessClient, function: RunnableQiskitFunction, name: str, desk: Path) -> str:
    return download_bytes(client, function, name, desk).decode()


def delete(client: ServerlessClient, function: RunnableQiskitFunction, name: str) -> int:
    client.file_delete(name, **of(function))
    return client.files(**of(function)).count(name)
