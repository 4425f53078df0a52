"""Files on their way: what is sent, what happens when a connection breaks, what is never written."""

import base64
import hashlib
import io
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from qiskit_serverless import QiskitFunction, ServerlessClient
from qiskit_serverless.data_files import DataFile, receiving
from qiskit_serverless.exceptions import (
    ChecksumError,
    GatewayConnectionError,
    InvalidArgumentError,
    InvalidRequestError,
    NotFoundError,
    QiskitServerlessException,
)
from qiskit_serverless.progress import Bar, progress_bar
from tests.unit.sdk.scripted_gateway import Answer, ScriptedGateway

FILES = "/api/v1/files/"
CONTENT = b"0123456789"
LAB = QiskitFunction("fit", provider="lab")


@pytest.fixture
def client(either_client: Any) -> Any:
    return either_client


def digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def record(name: str, content: bytes) -> dict[str, Any]:
    sha256 = hashlib.sha256(content).hexdigest()
    return {"name": name, "size": len(content), "modified": "2026-11-22T08:00:55.488852Z", "sha256": sha256}


def begun(content: bytes, tag: str = '"1"') -> Answer:
    """The whole file, of which only `content` arrives."""
    headers = {"ETag": tag, "Repr-Digest": digest(CONTENT), "Content-Length": str(len(CONTENT))}
    return Answer(content, headers=headers, cut="after" if content != CONTENT else "")


def rest(start: int, content: bytes, cut: str = "") -> Answer:
    headers = {"ETag": '"1"', "Repr-Digest": digest(CONTENT), "Content-Range": f"bytes {start}-9/10"}
    headers["Content-Length"] = str(len(CONTENT) - start)
    return Answer(content, 206, headers, cut)


def test_a_download_goes_on_where_it_was_cut(
    gateway: ScriptedGateway, client: ServerlessClient, tmp_path: Path
) -> None:
    gateway.answer(
        "GET",
        f"{FILES}download/",
        begun(b"012"),
        Answer(cut="before"),
        rest(3, b"345", "after"),
        Answer({}, 503),
        rest(6, b"6789"),
    )

    target = client.data("fit").download("runs/1/ten", tmp_path / "new folder" / "ten")

    assert target.read_bytes() == CONTENT
    asked = [request.headers for request in gateway.asked("GET", f"{FILES}download/")]
    assert [headers.get("range") for headers in asked] == [None, "bytes=3-", "bytes=3-", "bytes=6-", "bytes=6-"]
    assert [headers.get("if-range") for headers in asked] == [None, '"1"', '"1"', '"1"', '"1"']
    assert gateway.requests[0].query == {"function": "fit", "file": "runs/1/ten"}
    assert [path.name for path in target.parent.iterdir()] == ["ten"]


def test_a_file_that_changed_in_between_is_downloaded_anew(
    gateway: ScriptedGateway, client: ServerlessClient, tmp_path: Path
) -> None:
    gateway.answer("GET", f"{FILES}download/", begun(b"abcde"), begun(CONTENT, '"2"'))
    assert client.data("fit").download("ten", tmp_path).read_bytes() == CONTENT


def test_nothing_is_left_of_a_download_that_fails(
    gateway: ScriptedGateway, client: ServerlessClient, tmp_path: Path
) -> None:
    target = tmp_path / "folder" / "ten"
    gateway.answer("GET", FILES, {"results": []})
    with pytest.raises(NotFoundError):
        client.data("fit").download("none", target)
    assert not target.parent.exists()
    gateway.answer("GET", f"{FILES}download/", begun(b"0123456780"[:-1]), rest(9, b"0"))
    with pytest.raises(ChecksumError, match="ten was changed on its way from the gateway"):
        client.data("fit").download("ten", target)
    assert list(target.parent.iterdir()) == []


def test_downloads_to_the_same_place_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "downloads" / "ten"
    with receiving(target, Bar()) as first, receiving(target, Bar()) as second:
        for download in (first, second):
            download.begin(httpx2.Response(200))
            download.add(CONTENT)
        first.end()
        assert target.read_bytes() == CONTENT
        second.end()
    assert list(target.parent.iterdir()) == [target]


def test_patience_ends_when_nothing_more_comes(
    gateway: ScriptedGateway, client: ServerlessClient, tmp_path: Path
) -> None:
    gateway.answer("GET", f"{FILES}download/", begun(b"012"), Answer(cut="before"))
    object.__setattr__(client._transport.patience, "in_all", 0.2)
    with pytest.raises(GatewayConnectionError):
        client.data("fit").download("ten", tmp_path / "ten")
    assert list(tmp_path.glob("*ten*")) == []


def test_a_gateway_without_checksums_is_believed(
    gateway: ScriptedGateway, client: ServerlessClient, tmp_path: Path
) -> None:
    gateway.answer("GET", f"{FILES}download/", Answer(CONTENT))
    gateway.answer("POST", f"{FILES}upload/", {"message": "/srv/media/ada/ten"})
    gateway.answer("GET", FILES, {"results": ["a", "b"]})
    data = client.data("fit")
    assert data.download("ten", tmp_path / "ten").read_bytes() == CONTENT
    assert data.upload(tmp_path / "ten") == [DataFile("ten")]
    assert data.list() == [DataFile("a"), DataFile("b")]


def test_an_upload_says_where_it_shall_lie_and_is_sent_again_when_the_connection_breaks(
    gateway: ScriptedGateway, client: ServerlessClient, tmp_path: Path
) -> None:
    (tmp_path / "ten").write_bytes(CONTENT)
    stored = {"message": "runs/ten", "file": record("runs/ten", CONTENT)}
    gateway.answer("POST", f"{FILES}upload/", Answer(cut="before"), Answer({}, 503), stored)

    [file] = client.data("fit").upload(tmp_path / "ten", "runs/ten")

    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert file == DataFile("runs/ten", 10, datetime(2026, 11, 22, 8, 0, 55, 488852, UTC), sha256)
    for request in gateway.asked("POST", f"{FILES}upload/"):
        assert request.query == {"function": "fit", "file": "runs/ten"}
        assert b'filename="ten"' in request.body
        assert CONTENT in request.body


def test_what_was_stored_must_be_what_was_sent(
    gateway: ScriptedGateway, client: ServerlessClient, tmp_path: Path
) -> None:
    (tmp_path / "ten").write_bytes(CONTENT)
    gateway.answer("POST", f"{FILES}upload/", {"message": "ten", "file": record("ten", b"something else")})
    with pytest.raises(ChecksumError, match="ten was changed on its way to the gateway"):
        client.data("fit").upload(tmp_path / "ten")


def test_what_cannot_be_uploaded(client: ServerlessClient, gateway: ScriptedGateway, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="has no file to upload"):
        client.data("fit").upload(tmp_path / "home")
    with pytest.raises(FileNotFoundError):
        client.data("fit").upload(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        client.file_upload(str(tmp_path / "none"), LAB)
    assert gateway.requests == []


def test_folders_go_up_and_down_with_all_that_is_in_them(
    gateway: ScriptedGateway, client: ServerlessClient, tmp_path: Path
) -> None:
    for name in ("a", "deep/er/b"):
        path = tmp_path / "runs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)
    gateway.answer("POST", f"{FILES}upload/", {"message": "", "file": record("x", CONTENT)})
    assert len(client.data("fit").upload(tmp_path / "runs")) == 2
    assert [request.query["file"] for request in gateway.requests] == ["runs/a", "runs/deep/er/b"]

    gateway.answer("GET", f"{FILES}download/", Answer({"message": "no"}, 404), begun(CONTENT), begun(CONTENT))
    listed = [record("runs/a", CONTENT), record("runs/deep/er/b", CONTENT)]
    gateway.answer("GET", FILES, {"results": listed})
    assert client.data("fit").download("runs/", tmp_path / "again") == tmp_path / "again"
    assert (tmp_path / "again" / "deep" / "er" / "b").read_bytes() == CONTENT
    query = {"function": "fit", "details": "true", "folder": "runs", "checksums": "false"}
    assert gateway.asked("GET", FILES)[0].query == query


@pytest.mark.parametrize("name", ["runs/../../escaped", "runs//escaped"])
def test_a_gateway_cannot_write_outside_of_the_folder(
    gateway: ScriptedGateway, client: ServerlessClient, tmp_path: Path, name: str
) -> None:
    gateway.answer("GET", f"{FILES}download/", Answer({"message": "no"}, 404), begun(CONTENT))
    gateway.answer("GET", FILES, {"results": [record(name, CONTENT)]})
    with pytest.raises(InvalidArgumentError, match="leads out of the folder"):
        client.data("fit").download("runs", tmp_path / "here")
    assert list(tmp_path.rglob("*escaped*")) == []


def test_the_calls_of_all_releases(gateway: ScriptedGateway, client: ServerlessClient, tmp_path: Path) -> None:
    (tmp_path / "ten").write_bytes(CONTENT)
    for folder, prefix in ((FILES, ""), (f"{FILES}provider/", "provider_")):
        gateway.answer("GET", folder, {"results": ["ten"]})
        gateway.answer("POST", f"{folder}upload/", {"message": "ten"})
        gateway.answer("GET", f"{folder}download/", Answer(CONTENT))
        gateway.answer("DELETE", f"{folder}delete/", {"message": "Requested file was deleted."})

        assert getattr(client, f"{prefix}files")(LAB) == ["ten"]
        assert getattr(client, f"{prefix}file_upload")(str(tmp_path / "ten"), LAB) == '{"message": "ten"}'
        name = getattr(client, f"{prefix}file_download")("ten", LAB, download_location=str(tmp_path))
        assert re.fullmatch("downloaded_[0-9a-f]{8}_ten", name)
        assert (tmp_path / name).read_bytes() == CONTENT
        assert getattr(client, f"{prefix}file_download")("ten", LAB, "../mine", str(tmp_path)) == "mine"
        assert (tmp_path / "mine").read_bytes() == CONTENT
        assert getattr(client, f"{prefix}file_delete")("ten", LAB) == "Requested file was deleted."
    for request in gateway.requests:
        assert {"function": "fit", "provider": "lab"}.items() <= request.query.items()


def test_whose_files_are_meant(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    gateway.answer("GET", FILES, {"results": []})
    client.files("fit")
    client.files("lab/fit")
    client.files("fit", provider="lab")
    client.files()
    of_lab = {"function": "fit", "provider": "lab"}
    assert [request.query for request in gateway.requests] == [{"function": "fit"}, of_lab, of_lab, {}]
    with pytest.raises(InvalidArgumentError, match="Which function of 'lab'"):
        client.files(provider="lab")
    with pytest.raises(QiskitServerlessException, match="`function` doesn't have a provider"):
        client.provider_files(QiskitFunction("fit"))


def test_the_gateways_words_reach_the_user(gateway: ScriptedGateway, client: ServerlessClient) -> None:
    gateway.answer("GET", FILES, Answer({"message": "This field is required."}, 400))
    with pytest.raises(InvalidRequestError, match="Details: This field is required"):
        client.files("fit")


def test_a_bar_is_shown_to_who_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for wanted in (True, False, None):
        shown = io.StringIO()
        monkeypatch.setattr(sys, "stderr", shown)
        with progress_bar("Uploading [x]", None, wanted) as bar:
            bar.advance(50)
            bar.expect(1000)
            bar.advance(950)
        assert ("Uploading [x]" in shown.getvalue()) is (wanted is True)
        assert ("1.0/1.0 kB" in shown.getvalue()) is (wanted is True)
