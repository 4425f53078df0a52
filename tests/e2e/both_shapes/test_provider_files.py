"""A lab's function, its own files and those of its callers: each program sees what it is to see, each user gets at their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qiskit_serverless import ServerlessClient
from qiskit_serverless.exceptions import NotFoundError
from tests.e2e.conftest import uploader
from tests.operating import administer
from tests.running_platform import RunningPlatform
from treadle.administration import Administration
from treadle.services.publishing import FunctionName

LOOK = """
import os, pathlib
from qiskit_serverless import save_result
data, shared = (pathlib.Path(os.environ[name]) for name in ("DATA_PATH", "FUNCTION_DATA_PATH"))
(data / "seen.txt").write_text("seen")
save_result({"own": sorted(p.name for p in data.iterdir()), "shared": sorted(p.name for p in shared.iterdir())})
"""


@pytest.fixture(scope="module")
def people(
    platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServerlessClient, ...]]:
    """The lab's admin, who published `files-lab/look`, and two who may run it."""

    async def set_up(opened: Administration) -> list[str]:
        tokens = [await opened.accounts.add_user(f"files-{name}") for name in ("admin", "ada", "bob")]
        for group, members in {"files-admins": ["files-admin"], "files-callers": ["files-ada", "files-bob"]}.items():
            await opened.accounts.add_group(group)
            await opened.accounts.add_members(group, members)
        await opened.publishing.add_provider("files-lab", None)
        await opened.publishing.add_admins("files-lab", "files-admins")
        return tokens

    clients = [ServerlessClient(platform.url, token=token) for token in administer(platform, set_up)]
    uploader(clients[0], tmp_path_factory.mktemp("lab"))("look", LOOK, provider="files-lab")

    async def share(opened: Administration) -> None:
        name = FunctionName("look", "files-lab", "")
        await opened.publishing.share(name, "files-callers", may_run=True, trial=False)

    administer(platform, share)
    yield tuple(clients)
    for client in clients:
        client.close()


def test_a_providers_program_sees_its_files_and_the_callers_for_it(
    people: tuple[ServerlessClient, ...], tmp_path: Path
) -> None:
    admin, ada, bob = people
    for name in ("weights.bin", "of-ada.txt", "own.txt"):
        (tmp_path / name).write_text(name)
    look = ada.function("files-lab/look")
    admin.function("files-lab/look").provider_data.upload(tmp_path / "weights.bin")
    look.data.upload(tmp_path / "of-ada.txt")
    ada.data().upload(tmp_path / "own.txt")

    assert look.run().result() == {"own": ["of-ada.txt", "seen.txt"], "shared": ["weights.bin"]}
    assert bob.function("files-lab/look").run().result() == {"own": ["seen.txt"], "shared": ["weights.bin"]}
    assert look.data.names() == ["of-ada.txt", "seen.txt"]
    assert ada.files() == ["own.txt"]


def test_a_callers_own_programs_see_nothing_of_it(people: tuple[ServerlessClient, ...], tmp_path: Path) -> None:
    _, _, bob = people
    own = uploader(bob, tmp_path)("look", LOOK)
    assert own.run().result() == {"own": ["seen.txt"], "shared": ["seen.txt"]}


def test_only_the_providers_people_get_at_its_files(people: tuple[ServerlessClient, ...], tmp_path: Path) -> None:
    admin, ada, _ = people
    (tmp_path / "manual.pdf").write_bytes(b"%PDF")
    look = admin.function("files-lab/look")
    assert admin.provider_file_upload(tmp_path / "manual.pdf", look) == '{"message":"manual.pdf"}'
    assert "manual.pdf" in admin.provider_files(look)
    name = admin.provider_file_download("manual.pdf", look, "back.pdf", str(tmp_path))
    assert (tmp_path / name).read_bytes() == b"%PDF"
    for call in (
        lambda: ada.provider_files(look),
        lambda: ada.provider_file_upload(tmp_path / "manual.pdf", look),
        lambda: ada.provider_file_download("manual.pdf", look),
        lambda: ada.provider_file_delete("manual.pdf", look),
    ):
        with pytest.raises(NotFoundError, match="Provider files-lab doesn't exist"):
            call()
    assert admin.provider_file_delete("manual.pdf", look) == "Requested file was deleted."
