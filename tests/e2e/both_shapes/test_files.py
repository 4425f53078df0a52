"""Files through the SDK: up to the platform, read and written by programs, and back."""

import hashlib
import os
from pathlib import Path

import pytest

from qiskit_serverless import AsyncServerlessClient, ServerlessClient
from qiskit_serverless.exceptions import InvalidRequestError, NotFoundError
from tests.e2e.breaking_network import breaking_network
from tests.e2e.conftest import Upload
from tests.running_platform import RunningPlatform

SUMS = """
import hashlib, os, pathlib
from qiskit_serverless import save_result
data = pathlib.Path(os.environ["DATA_PATH"])
inputs = sorted((data / "sums" / "input").rglob("*.bin"))
sums = {str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest() for path in inputs}
(data / "sums" / "out").mkdir(exist_ok=True)
(data / "sums" / "out" / "sums.txt").write_text("".join(sums.values()))
save_result(sums)
"""


def test_a_program_works_on_a_folder_and_leaves_another(upload: Upload, tmp_path: Path) -> None:
    function = upload("sums", SUMS)
    contents = {"a.bin": b"", "more/b.bin": os.urandom(2_500_000)}
    for name, content in contents.items():
        path = tmp_path / "input" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    sent = function.data.upload(tmp_path / "input", "sums/input")
    expected = {f"sums/input/{name}": hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    assert {file.name: file.sha256 for file in sent} == expected
    assert function.run().result() == expected

    out = function.data.download("sums/out", tmp_path / "out") / "sums.txt"
    assert out.read_text() == "".join(expected.values())
    assert function.data.download("sums/input/more/b.bin", tmp_path).read_bytes() == contents["more/b.bin"]
    listed = function.data.list("sums/out")
    assert [(file.name, file.size) for file in listed] == [("sums/out/sums.txt", 128)]
    assert function.data.list("sums/out", checksums=False)[0].sha256 is None
    for file in function.data.list("sums"):
        assert function.data.delete(file.name) == "Requested file was deleted."
    assert function.data.list("sums") == []


def test_the_calls_of_todays_clients(client: ServerlessClient, upload: Upload, tmp_path: Path) -> None:
    function = upload("flat", "pass")
    (tmp_path / "we ird.png").write_bytes(b"\x89PNG")
    assert client.file_upload(str(tmp_path / "we ird.png"), function) == '{"message":"we_ird.png"}'
    assert "we_ird.png" in client.files(function)
    assert "we_ird.png" in client.files()
    saved = client.file_download("we_ird.png", function, target_name="back.png", download_location=str(tmp_path))
    assert (tmp_path / saved).read_bytes() == b"\x89PNG"
    assert client.file_delete("we_ird.png", function) == "Requested file was deleted."
    with pytest.raises(NotFoundError, match="Requested file was not found"):
        client.file_download("we_ird.png", function, download_location=str(tmp_path))
    with pytest.raises(NotFoundError, match="Qiskit Function none"):
        client.files("none")


def test_names_that_lead_out_are_refused(client: ServerlessClient, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    for name in ("../a", "/a", "b/../../a"):
        with pytest.raises(InvalidRequestError, match="leads out of the folder"):
            client.data().upload(tmp_path / "a", name)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_same_awaited(platform: RunningPlatform, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"awaited")
    async with AsyncServerlessClient(platform.url, token=platform.token) as client:
        [file] = await client.data().upload(tmp_path / "a", "awaited/a")
        assert file in await client.data().list("awaited")
        target = await client.data().download("awaited/a", tmp_path / "b")
        assert target.read_bytes() == b"awaited"
        await client.data().delete("awaited/a")


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_transfer_survives_a_connection_that_breaks(
    client: ServerlessClient, platform: RunningPlatform, tmp_path: Path, direction: str
) -> None:
    content = os.urandom(12_000_000)
    (tmp_path / "in").write_bytes(content)
    if direction == "down":
        client.data().upload(tmp_path / "in", "broken/down")
    with (
        breaking_network(platform.url, 5_000_000) as network,
        ServerlessClient(network.url, token=platform.token) as far,
    ):
        if direction == "up":
            [stored] = far.data().upload(tmp_path / "in", "broken/up")
            assert stored.sha256 == hashlib.sha256(content).hexdigest()
        assert far.data().download(f"broken/{direction}", tmp_path / "out").read_bytes() == content
        assert network.broken
    assert client.data().delete(f"broken/{direction}") == "Requested file was deleted."
