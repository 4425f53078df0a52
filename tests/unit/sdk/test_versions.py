"""Versions of a function: what the client asks for, what it makes of the answers, what it does not send again."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from qiskit_serverless import QiskitFunction, ServerlessClient
from qiskit_serverless.artifacts import pack, tar_of
from qiskit_serverless.changes import WORTH_ASKING, changes_of
from qiskit_serverless.exceptions import AccessError
from qiskit_serverless.versions import FunctionVersion, VersionDifference, VersionFile, changed_paths, text_difference
from tests.unit.sdk.scripted_gateway import PROGRAMS, Answer, ScriptedGateway

FUNCTION = {"id": "f-1", "title": "hello", "entrypoint": "main.py"}
BY_TITLE = f"{PROGRAMS}get_by_title/hello/"
CURRENT_FILES = f"{PROGRAMS}f-1/versions/current/files/"
UPLOAD = f"{PROGRAMS}upload/"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def record(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "number": number,
        "version": None,
        "digest": "d" * 64,
        "created": "2026-11-22T12:00:00Z",
        "author": "ada",
        "entrypoint": "main.py",
        "dependencies": [],
        "env_vars": [],
        "description": None,
        "arguments_schema": "{}",
        "current_since": None,
        "current_by": None,
        **fields,
    }


def manifest_of(files: dict[str, bytes], number: int = 3) -> dict[str, Any]:
    listed = [
        {"path": path, "size": len(content), "executable": False, "sha256": sha256(content)}
        for path, content in files.items()
    ]
    artifact = tar_of((path, False, content) for path, content in files.items())
    return {"number": number, "artifact_digest": sha256(artifact), "files": listed}


@pytest.fixture
def client(either_client: Any) -> Any:
    return either_client


@pytest.fixture
def large(tmp_path: Path) -> dict[str, bytes]:
    """A folder that is worth a question, as the gateway has it."""
    files = {"data.bin": b"\0" * WORTH_ASKING, "main.py": b"print('old')"}
    for path, content in files.items():
        (tmp_path / path).write_bytes(content)
    return files


def upload(client: ServerlessClient, folder: Path) -> None:
    client.upload(QiskitFunction("hello", entrypoint="main.py", working_dir=str(folder)))


def test_versions_are_objects_that_say_what_they_are(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    newest = record(2, version="1.1", current_since="2026-11-22T13:00:00Z", current_by="bob")
    gateway.answer("GET", f"{PROGRAMS}f-1/versions/", [newest, record(1)])
    gateway.answer("GET", BY_TITLE, FUNCTION)
    second, first = client.function("hello").versions()
    assert (second.number, second.label, second.author, second.current, second.current_by) == (
        2,
        "1.1",
        "ada",
        True,
        "bob",
    )
    assert repr(second) == "<FunctionVersion 2 (1.1) of 2026-11-22T12:00:00Z by ada, current>"
    assert repr(first) == "<FunctionVersion 1 of 2026-11-22T12:00:00Z by ada>"
    assert client.versions("hello") == [second, first]


def test_a_function_runs_at_the_version_that_was_asked_for(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    gateway.answer("GET", BY_TITLE, FUNCTION)
    gateway.answer("POST", f"{PROGRAMS}run/", {"id": "j-1"})
    function = client.function("hello")
    pinned = function.at(3)
    assert (repr(function), repr(pinned)) == ("QiskitFunction(hello)", "QiskitFunction(hello) at version 3")
    pinned.run(version="an argument of the program")
    client.function("hello", version="1.1").run()
    function.run()
    sent = [request.json for request in gateway.asked("POST", f"{PROGRAMS}run/")]
    assert [body.get("version") for body in sent] == [3, "1.1", None]
    assert json.loads(sent[0]["arguments"]) == {"version": "an argument of the program"}
    assert "version" not in sent[2]


def test_rolling_back_tells_the_version_that_runs_now(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    gateway.answer("GET", BY_TITLE, FUNCTION)
    gateway.answer("POST", f"{PROGRAMS}f-1/rollback/", FUNCTION)
    gateway.answer("GET", f"{PROGRAMS}f-1/versions/", [record(2), record(1, current_since="2026-11-22T13:00:00Z")])
    assert client.function("hello").roll_back(1).number == 1
    [request] = gateway.asked("POST", f"{PROGRAMS}f-1/rollback/")
    assert request.json == {"version": 1}


def test_only_files_that_are_new_are_sent(
    gateway: ScriptedGateway, client: ServerlessClient, large: dict[str, bytes], tmp_path: Path
) -> None:
    gateway.answer("GET", BY_TITLE, FUNCTION)
    gateway.answer("GET", CURRENT_FILES, manifest_of(large))
    gateway.answer("POST", UPLOAD, FUNCTION)
    (tmp_path / "main.py").write_text("print('new')")
    upload(client, tmp_path)
    [request] = gateway.asked("POST", UPLOAD)
    assert b"print('new')" in request.body
    assert len(request.body) < WORTH_ASKING / 8
    for value in (b"3", sha256(pack(str(tmp_path), "main.py")).encode(), sha256(large["data.bin"]).encode()):
        assert value in request.body


def test_of_an_artifact_that_is_there_nothing_is_sent(
    gateway: ScriptedGateway, client: ServerlessClient, large: dict[str, bytes], tmp_path: Path
) -> None:
    gateway.answer("GET", BY_TITLE, FUNCTION)
    gateway.answer("GET", CURRENT_FILES, manifest_of(large))
    gateway.answer("POST", UPLOAD, FUNCTION)
    upload(client, tmp_path)
    [request] = gateway.asked("POST", UPLOAD)
    assert b"artifact.tar" not in request.body
    assert len(request.body) < 2000


@pytest.mark.parametrize("gap", ["function", "manifest"])
def test_what_the_gateway_does_not_tell_of_is_sent_in_whole(
    gateway: ScriptedGateway, client: ServerlessClient, large: dict[str, bytes], tmp_path: Path, gap: str
) -> None:
    if gap == "manifest":  # another gateway, or a version that is not ours to see
        gateway.answer("GET", BY_TITLE, FUNCTION)
    gateway.answer("POST", UPLOAD, FUNCTION)
    upload(client, tmp_path)
    [request] = gateway.asked("POST", UPLOAD)
    assert pack(str(tmp_path), "main.py") in request.body
    assert b"base_version" not in request.body


def test_an_artifact_that_the_gateway_cannot_assemble_is_sent_in_whole(
    gateway: ScriptedGateway, client: ServerlessClient, large: dict[str, bytes], tmp_path: Path
) -> None:
    gateway.answer("GET", BY_TITLE, FUNCTION)
    gateway.answer("GET", CURRENT_FILES, manifest_of(large))
    gateway.answer("POST", UPLOAD, Answer({"message": "The content of 'data.bin' is gone."}, 409), Answer(FUNCTION))
    upload(client, tmp_path)
    _, second = gateway.asked("POST", UPLOAD)
    assert pack(str(tmp_path), "main.py") in second.body


def test_another_refusal_is_not_taken_for_one_of_the_changes(
    gateway: ScriptedGateway, client: ServerlessClient, large: dict[str, bytes], tmp_path: Path
) -> None:
    gateway.answer("GET", BY_TITLE, FUNCTION)
    gateway.answer("GET", CURRENT_FILES, manifest_of(large))
    gateway.answer("POST", UPLOAD, Answer({"message": "no"}, 403))
    with pytest.raises(AccessError):
        upload(client, tmp_path)
    assert len(gateway.asked("POST", UPLOAD)) == 1


def test_a_small_function_is_sent_without_a_question(
    gateway: ScriptedGateway, client: ServerlessClient, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text("pass")
    gateway.answer("POST", UPLOAD, FUNCTION)
    upload(client, tmp_path)
    assert [(request.method, request.path) for request in gateway.requests] == [("POST", UPLOAD)]


def test_what_is_all_new_or_has_a_name_that_is_no_text_is_sent_in_whole() -> None:
    other = manifest_of({"main.py": b"x"})
    assert changes_of(tar_of([("main.py", False, b"y" * 50_000)]), other) is None
    assert changes_of(tar_of([("\udcff", False, b"x"), ("b", False, b"y" * 50_000)]), other) is None


def test_a_file_that_only_became_executable_is_not_sent() -> None:
    content = b"x" * 50_000
    changes = changes_of(tar_of([("run.py", True, content)]), manifest_of({"run.py": content}))
    assert changes is not None
    assert json.loads(changes.form["files"]) == [{"path": "run.py", "executable": True, "sha256": sha256(content)}]
    assert content not in (changes.artifact or b"")


def file_of(path: str, content: bytes, executable: bool = False) -> VersionFile:
    return VersionFile(path, len(content), executable, sha256(content))


def difference(old: bytes | None, new: bytes | None) -> str:
    before, after = (None if content is None else file_of("a.py", content) for content in (old, new))
    contents = {sha256(content): content for content in (old, new) if content is not None}
    return text_difference("a.py", before, after, contents)


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        (b"a\nb\n", b"a\nc\n", "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"),
        (None, b"a\n", "--- /dev/null\n+++ b/a.py\n@@ -0,0 +1 @@\n+a\n"),
        (b"a\n", None, "--- a/a.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"),
        (None, b"", "--- /dev/null\n+++ b/a.py\n"),
        (
            b"a",
            b"b",
            "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n",
        ),
        (b"\0", b"\0\0", "Files a/a.py and b/a.py differ (1 bytes -> 2 bytes)\n"),
        (b"\xff", None, "Files a/a.py and /dev/null differ (1 bytes -> none)\n"),
    ],
    ids=["changed", "added", "removed", "empty", "no newline", "binary", "not UTF-8"],
)
def test_a_file_is_compared_as_git_does(old: bytes | None, new: bytes | None, shown: str) -> None:
    assert difference(old, new) == shown


def test_a_file_that_became_executable_is_different() -> None:
    old, new = {"a": file_of("a", b"x")}, {"a": file_of("a", b"x", executable=True)}
    assert changed_paths(old, new) == ["a"]
    assert text_difference("a", old["a"], new["a"], {sha256(b"x"): b"x"}) == "a is now executable\n"


def test_a_large_file_is_not_fetched_to_be_compared() -> None:
    assert file_of("a", b"x" * 256 * 1024).is_small
    assert not file_of("a", b"x" * (256 * 1024 + 1)).is_small


def test_no_difference_is_nothing() -> None:
    assert not VersionDifference(1, 2, {}, [], [], [], {})
    told = VersionDifference(1, 2, {"entrypoint": ("a.py", "b.py")}, [], [], [], {})
    assert told
    assert str(told) == "entrypoint: 'a.py' -> 'b.py'\n"
    assert FunctionVersion.from_json(record(1)) == FunctionVersion.from_json(record(1))
