"""Versions of a function: each upload makes one, jobs keep theirs, new jobs run the one that was rolled back to."""

import hashlib
import itertools
import json
import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from qiskit_serverless import QiskitFunction, ServerlessClient
from qiskit_serverless.artifacts import tar_of
from qiskit_serverless.changes import WORTH_ASKING
from qiskit_serverless.exceptions import GatewayConnectionError, NotFoundError
from tests.e2e.conftest import Upload
from tests.operating import administer
from tests.running_platform import RunningPlatform

PROGRAM = "from qiskit_serverless import save_result\nsave_result({answer!r})"


@pytest.fixture
def http(platform: RunningPlatform) -> Iterator[httpx2.Client]:
    """A bare HTTP client with the owner's token."""
    headers = {"Authorization": f"Bearer {platform.token}"}
    with httpx2.Client(base_url=f"{platform.url}/api/v1/programs", headers=headers, timeout=30) as client:
        yield client


def id_of(http: httpx2.Client, title: str) -> str:
    return str(http.get(f"/get_by_title/{title}/").json()["id"])


def token_of(platform: RunningPlatform, name: str) -> str:
    """Return the token of a new user."""
    return administer(platform, lambda opened: opened.accounts.add_user(name))


def versions_of(http: httpx2.Client, title: str) -> list[dict[str, Any]]:
    answer = http.get(f"/{id_of(http, title)}/versions/")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def run_at(http: httpx2.Client, title: str, version: object) -> httpx2.Response:
    return http.post("/run/", json={"title": title, "arguments": "{}", "config": {}, "version": version})


def test_each_upload_makes_a_version_and_an_equal_one_does_not(http: httpx2.Client, upload: Upload) -> None:
    upload("counted", PROGRAM.format(answer="old"), version="1.0", env_vars={"MY_TOKEN": "hush", "A": "1"})
    upload("counted", PROGRAM.format(answer="new"), version="1.1", env_vars={"MY_TOKEN": "hush", "A": "1"})
    upload("counted", PROGRAM.format(answer="new"), version="1.1", env_vars={"MY_TOKEN": "hush", "A": "1"})
    second, first = versions_of(http, "counted")
    assert (first["number"], first["version"], first["author"]) == (1, "1.0", "owner")
    assert (second["number"], second["version"], second["env_vars"]) == (2, "1.1", ["A", "MY_TOKEN"])
    assert first["digest"] != second["digest"]
    assert (second["current_by"], first["current_since"], first["current_by"]) == ("owner", None, None)
    upload("counted", PROGRAM.format(answer="new"), version="1.1", env_vars={"MY_TOKEN": "another", "A": "1"})
    assert [version["number"] for version in versions_of(http, "counted")] == [3, 2, 1]


def test_new_jobs_run_the_version_that_was_rolled_back_to_and_others_keep_theirs(
    http: httpx2.Client, upload: Upload, client: Any
) -> None:
    function = upload("rolled", PROGRAM.format(answer="old"), version="1.0")
    of_old = function.run()
    of_new = upload("rolled", PROGRAM.format(answer="new"), version="1.1").run()
    assert [str(job.function_version()) for job in (of_old, of_new)] == ["1 (1.0)", "2 (1.1)"]
    answer = http.post(f"/{id_of(http, 'rolled')}/rollback/", json={"version": 1})
    assert (answer.status_code, answer.json()["version"]) == (200, "1.0")
    assert [bool(version["current_since"]) for version in versions_of(http, "rolled")] == [False, True]
    assert [job.result() for job in (of_old, of_new, function.run())] == ["old", "new", "old"]
    at_label = client.job(run_at(http, "rolled", "1.1").json()["id"])
    at_number = client.job(run_at(http, "rolled", 2).json()["id"])
    assert [at_label.result(), at_number.result()] == ["new", "new"]
    upload("rolled", PROGRAM.format(answer="newest"))
    assert [(each["number"], bool(each["current_since"])) for each in versions_of(http, "rolled")] == [
        (3, True),
        (2, False),
        (1, False),
    ]


def test_the_words_for_versions_that_do_not_exist(http: httpx2.Client, upload: Upload) -> None:
    upload("wanting", "pass")
    function_id = id_of(http, "wanting")
    for answer in (run_at(http, "wanting", 7), http.post(f"/{function_id}/rollback/", data={"version": "7"})):
        assert (answer.status_code, answer.json()) == (
            404,
            {"message": "Qiskit Function wanting has no version 7."},
        )
    assert http.post(f"/{function_id}/rollback/", json={}).json() == {"message": "This field is required."}
    assert http.post(f"/{function_id}/rollback/", json={"version": ""}).json() == {
        "message": "This field may not be blank."
    }
    assert run_at(http, "wanting", "9" * 30).status_code == 404


def files_of(http: httpx2.Client, title: str, version: object = "current") -> dict[str, Any]:
    answer = http.get(f"/{id_of(http, title)}/versions/{version}/files/")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def send_changes(
    http: httpx2.Client, title: str, whole: dict[str, bytes], sent: list[str], fields: dict[str, str] | None = None
) -> httpx2.Response:
    """Upload an artifact of which only the files `sent` go over the wire."""
    files = [{"path": path, "sha256": hashlib.sha256(content).hexdigest()} for path, content in whole.items()]
    form = {
        "title": title,
        "base_version": "1",
        "files": json.dumps(files),
        "artifact_digest": hashlib.sha256(tar_of((path, False, whole[path]) for path in whole)).hexdigest(),
        **(fields or {}),
    }
    part = {"artifact": ("artifact.tar", tar_of((path, False, whole[path]) for path in sent))} if sent else None
    return http.post("/upload/", data=form, files=part)


def test_a_version_tells_its_files_and_their_content(http: httpx2.Client, upload: Upload) -> None:
    upload("told", "pass", files={"data/a.txt": "ä"})
    found = files_of(http, "told")
    assert found["number"] == 1
    assert found["files"] == [
        {"path": "data/a.txt", "size": 2, "executable": False, "sha256": hashlib.sha256("ä".encode()).hexdigest()},
        {"path": "main.py", "size": 4, "executable": False, "sha256": hashlib.sha256(b"pass").hexdigest()},
    ]
    content = http.get(f"/{id_of(http, 'told')}/versions/1/file/", params={"path": "data/a.txt"})
    assert (content.text, content.headers["content-type"]) == ("ä", "application/octet-stream")
    assert http.get(f"/{id_of(http, 'told')}/versions/1/file/", params={"path": "b"}).status_code == 404
    assert http.get(f"/{id_of(http, 'told')}/versions/2/files/").status_code == 404


def test_files_that_are_there_are_not_sent_again(http: httpx2.Client, upload: Upload, client: Any) -> None:
    program = "from qiskit_serverless import save_result\nsave_result(open('data/a.txt').read())"
    upload("spared", program, files={"data/a.txt": "old", "data/b.txt": "b" * 9000})
    whole = {"data/a.txt": b"new", "data/b.txt": b"b" * 9000, "main.py": program.encode()}
    answer = send_changes(http, "spared", whole, ["data/a.txt"])
    assert answer.status_code == 200, answer.text
    assert [file["path"] for file in files_of(http, "spared", 2)["files"]] == list(whole)
    assert client.function("spared").run().result() == "new"
    assert int(answer.request.headers["content-length"]) < 3 * 512 + 10240
    unchanged = http.post(
        "/upload/",
        data={
            "title": "spared",
            "description": "same files",
            "base_version": "2",
            "artifact_digest": files_of(http, "spared", 2)["artifact_digest"],
        },
    )
    assert unchanged.status_code == 200, unchanged.text
    assert files_of(http, "spared", 3)["files"] == files_of(http, "spared", 2)["files"]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"base_version": "9"}, 404, "Qiskit Function patched has no version 9."),
        ({"artifact_digest": "0" * 64}, 409, "The artifact of these files has the SHA-256"),
        ({"files": json.dumps([{"path": "x", "sha256": "0" * 64}])}, 409, "The content of 'x' was not sent"),
        ({"files": json.dumps([{"path": "x", "sha256": "../../etc"}])}, 400, "files.0.sha256"),
        ({"files": json.dumps([{"path": "a\0b", "sha256": "0" * 64}])}, 400, "files.0.path"),
        ({"files": "[" * 100_000}, 400, "files"),
        ({"files": " " * (16 * 1024**2 + 1)}, 400, "files is 16777217 characters long and the maximum is 16777216."),
        ({"artifact_digest": "x"}, 400, "artifact_digest"),
        ({"title": "unheard-of"}, 404, "Qiskit Function unheard-of doesn't exist."),
    ],
)
def test_what_cannot_be_assembled_is_refused_and_nothing_is_changed(
    http: httpx2.Client, upload: Upload, fields: dict[str, str], status: int, words: str
) -> None:
    upload("patched", "pass")
    answer = send_changes(http, "patched", {"main.py": b"print()"}, ["main.py"], fields)
    assert answer.status_code == status, answer.text
    assert answer.json()["message"].startswith(words)
    assert [version["number"] for version in versions_of(http, "patched")] == [1]


@pytest.mark.parametrize("path", ["../outside.py", "/etc/outside.py"])
def test_an_assembled_artifact_passes_the_same_gate_as_a_whole_one(
    http: httpx2.Client, upload: Upload, path: str
) -> None:
    upload("gated", "pass")
    answer = send_changes(http, "gated", {"main.py": b"pass", path: b"pass"}, [])
    assert answer.status_code == 400
    assert "lies outside of its folder" in answer.json()["message"]


def test_files_of_another_user_cannot_be_had_by_their_digest(
    platform: RunningPlatform, http: httpx2.Client, upload: Upload
) -> None:
    secret = b"the owner's idea"
    upload("private", "pass", files={"idea.txt": secret.decode()})
    headers = {"Authorization": f"Bearer {token_of(platform, 'eve-of-versions')}"}
    with httpx2.Client(base_url=str(http.base_url), headers=headers, timeout=30) as eve:
        assert send_changes(eve, "private", {"main.py": b"pass", "idea.txt": secret}, []).status_code == 404
        own = {"artifact": ("artifact.tar", tar_of([("main.py", False, b"pass")]))}
        eve.post("/upload/", data={"title": "private", "entrypoint": "main.py"}, files=own)
        answer = send_changes(eve, "private", {"main.py": b"pass", "idea.txt": secret}, [])
        assert answer.status_code == 409
        assert answer.json()["message"].startswith("The content of 'idea.txt' was not sent and is not in version 1.")


def test_the_versions_of_another_user_do_not_exist(
    platform: RunningPlatform, http: httpx2.Client, upload: Upload
) -> None:
    upload("hidden", "pass")
    function_id = id_of(http, "hidden")
    headers = {"Authorization": f"Bearer {token_of(platform, 'bob-of-versions')}"}
    with httpx2.Client(base_url=str(http.base_url), headers=headers, timeout=30) as stranger:
        for answer in (
            stranger.get(f"/{function_id}/versions/"),
            stranger.get(f"/{function_id}/versions/1/files/"),
            stranger.get(f"/{function_id}/versions/1/file/", params={"path": "main.py"}),
            stranger.post(f"/{function_id}/rollback/", json={"version": 1}),
        ):
            assert (answer.status_code, answer.json()) == (
                404,
                {"message": f"Qiskit Function {function_id} doesn't exist."},
            )
        assert run_at(stranger, "hidden", 1).status_code == 404


def test_a_notebook_sees_runs_compares_and_rolls_back_versions(upload: Upload) -> None:
    upload("lived", PROGRAM.format(answer="old"), version="1.0", files={"data.csv": "1\n"})
    upload("lived", "pass", version="1.1")
    function = upload("lived", PROGRAM.format(answer="new"), version="1.2", files={"data.csv": "2\n", "new.txt": "n"})
    assert [(each.number, each.label, each.current) for each in function.versions()] == [
        (3, "1.2", True),
        (2, "1.1", False),
        (1, "1.0", False),
    ]
    assert function.at("1.0").run().result() == "old"
    difference = function.diff(1)
    assert (difference.old, difference.new, difference.fields) == (1, 3, {"version": ("1.0", "1.2")})
    assert (difference.added, difference.removed, difference.changed) == (["new.txt"], [], ["data.csv", "main.py"])
    assert "--- a/data.csv\n+++ b/data.csv\n@@ -1 +1 @@\n-1\n+2\n" in str(difference)
    assert "-save_result('old')" in str(difference)
    assert function.diff("current", "1.0").removed == ["new.txt"]
    assert function.roll_back("1.0").number == 1
    assert function.run().result() == "old"
    assert not function.diff(1)
    with pytest.raises(NotFoundError, match="Qiskit Function lived has no version 7"):
        function.at(7).run()


class Counting(httpx2.HTTPTransport):
    """The real transport, which remembers how large the requests' bodies were."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.sizes.append(int(request.headers.get("content-length", "0")))
        return super().handle_request(request)


def test_of_a_large_function_only_what_changed_goes_over_the_wire(platform: RunningPlatform, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.bin").write_bytes(bytes([number]) * 50_000)
    function = QiskitFunction("large-folder", entrypoint="main.py", working_dir=str(tmp_path))
    counting = Counting()
    with ServerlessClient(platform.url, token=platform.token, transport=counting) as client:
        for answer in ("old", "new"):
            (tmp_path / "main.py").write_text(PROGRAM.format(answer=answer))
            client.upload(function)
        whole, changes = [size for size in counting.sizes if size]
        assert whole > 400_000
        assert changes < whole / 20
        client.upload(function)
        assert counting.sizes[-1] < 2000
        assert client.run("large-folder").result() == "new"
        assert [version.number for version in client.versions("large-folder")] == [2, 1]


def test_an_artifact_that_was_damaged_is_mended_by_uploading_it_again(
    own_platform: RunningPlatform, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text(PROGRAM.format(answer="whole"))
    (tmp_path / "data.bin").write_bytes(bytes(WORTH_ASKING))
    function = QiskitFunction("damaged", entrypoint="main.py", working_dir=str(tmp_path))
    with ServerlessClient(own_platform.url, token=own_platform.token) as client:
        client.upload(function)
        [stored] = (own_platform.home / "objects" / "artifacts").iterdir()
        stored.write_bytes(stored.read_bytes()[:-1] + b"x")
        assert client.upload(function).run().result() == "whole"
        assert [version.number for version in client.versions("damaged")] == [1]


def test_uploads_at_the_same_time_get_numbers_of_their_own(
    platform: RunningPlatform, http: httpx2.Client, upload: Upload
) -> None:
    upload("crowded", "pass")

    def send(number: int) -> int:
        files = {"artifact": ("artifact.tar", tar_of([("main.py", False, f"print({number})".encode())]))}
        return http.post("/upload/", data={"title": "crowded"}, files=files).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(16))) == {200}
    assert [version["number"] for version in versions_of(http, "crowded")] == [*range(17, 0, -1)]


def test_a_crash_loses_no_version_that_was_acknowledged(own_platform: RunningPlatform, tmp_path: Path) -> None:
    function = QiskitFunction("crashed", entrypoint="main.py", working_dir=str(tmp_path))
    acknowledged: queue.SimpleQueue[int] = queue.SimpleQueue()

    def upload_until_it_breaks() -> int:
        with ServerlessClient(own_platform.url, token=own_platform.token) as client:
            for number in itertools.count(1):
                (tmp_path / "main.py").write_text(PROGRAM.format(answer=number))
                try:
                    client.upload(function)
                except GatewayConnectionError:
                    return number - 1
                acknowledged.put(number)
        raise AssertionError

    with ThreadPoolExecutor(1) as pool:
        uploading = pool.submit(upload_until_it_breaks)
        while acknowledged.get(timeout=20) < 5:
            pass
        own_platform.kill()
        last = uploading.result()
    own_platform.restart()
    with ServerlessClient(own_platform.url, token=own_platform.token) as client:
        numbers = [version.number for version in client.versions("crashed")]
        assert numbers in ([*range(last, 0, -1)], [*range(last + 1, 0, -1)])  # the answer to one more may be lost
        assert client.function("crashed", version=last).run().result() == last
