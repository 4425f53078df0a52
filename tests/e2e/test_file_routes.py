"""The routes about files, as any HTTP client sees them."""

import base64
import hashlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.e2e.conftest import Upload, client_of, uploader
from tests.running_platform import RunningPlatform

MEGABYTE = 2**20
NOT_FOUND = "Requested file was not found."


@pytest.fixture
def http(platform: RunningPlatform, upload: Upload) -> Iterator[httpx2.Client]:
    """An HTTP client of the owner, who has a function called `files`."""
    upload("files", "pass")
    with http_of(platform) as client:
        yield client


def http_of(platform: RunningPlatform) -> httpx2.Client:
    return httpx2.Client(
        base_url=f"{platform.url}/api/v1/files",
        headers={"Authorization": f"Bearer {platform.token}"},
        params={"function": "files"},
        trust_env=False,
    )


def send(http: httpx2.Client, filename: str, content: bytes, **query: str) -> httpx2.Response:
    return http.post("/upload/", params={"function": "files", **query}, files={"file": (filename, content)})


def names(http: httpx2.Client) -> list[str]:
    return list(http.get("").json()["results"])


def ask(http: httpx2.Client, name: str, method: str = "GET", **headers: str) -> httpx2.Response:
    return http.request(method, "/download", params={"function": "files", "file": name}, headers=headers)


def message(answer: httpx2.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["message"])


def test_a_file_goes_up_is_listed_comes_down_and_goes(http: httpx2.Client) -> None:
    assert send(http, "data.csv", b"1,2\n").json() == {"message": "data.csv"}
    assert "data.csv" in names(http)

    answer = ask(http, "data.csv")
    assert answer.content == b"1,2\n"
    assert answer.headers["content-length"] == "4"
    assert answer.headers["content-type"] == "text/csv"
    assert answer.headers["content-disposition"] == 'attachment; filename="data.csv"'

    deleted = http.delete("/delete", params={"function": "files", "file": "data.csv"})
    assert deleted.json() == {"message": "Requested file was deleted."}
    assert "data.csv" not in names(http)
    assert message(ask(http, "data.csv"), 404) == NOT_FOUND
    assert message(http.delete("/delete", params={"function": "files", "file": "data.csv"}), 404) == NOT_FOUND


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"#!/usr/bin/env python\n", b"<html>", b"\r\n--", b"\x00" * 9]
)
def test_any_content_is_a_file(http: httpx2.Client, content: bytes) -> None:
    assert send(http, "any", content).status_code == 200
    assert ask(http, "any").content == content


def test_what_looks_like_a_boundary_inside_a_file_is_content(http: httpx2.Client) -> None:
    content = b"\r\n--xyz\r\nContent-Disposition: form-data\r\n\r\n--xy" * 50_000
    body = (
        b'--xyzz\r\nContent-Disposition: form-data; name="file"; filename="b"\r\n\r\n' + content + b"\r\n--xyzz--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=xyzz"}
    assert http.post("/upload/", content=body, headers=headers).status_code == 200
    assert ask(http, "b").content == content


FORM = "multipart/form-data; boundary=x"


def part(disposition: str, content: str, end: str = "\r\n--x--\r\n") -> bytes:
    return f"--x\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}{end}".encode()


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"{}", "application/json", "A file should be uploaded."),
        (b"", "multipart/form-data", "A file should be uploaded."),
        (b"--x--\r\n", FORM, "A file should be uploaded."),
        (part('name="file"', "a"), FORM, "A file should be uploaded."),
        (part('name="other"; filename="a"', "a"), FORM, "A file should be uploaded."),
        (b"hello", FORM, "Form parse error - "),
        (part('name="file"; filename="a"', "half", end=""), FORM, "Form parse error - the body ends before its last"),
        (b"--x", f"multipart/form-data; boundary={'x' * 999}", "Form parse error - "),
    ],
)
def test_bodies_without_a_file(http: httpx2.Client, body: bytes, kind: str, words: str) -> None:
    before = names(http)
    assert message(http.post("/upload/", content=body, headers={"Content-Type": kind})).startswith(words)
    assert names(http) == before


def test_names_are_kept_as_todays_clients_expect_and_what_was_stored_is_told(http: httpx2.Client) -> None:
    assert send(http, "we  ird&.txt", b"x").json() == {"message": "we_ird_.txt"}
    assert ask(http, "we_ird_.txt").content == b"x"
    assert message(ask(http, "we  ird&.txt"), 404) == NOT_FOUND


@pytest.mark.parametrize("name", ["../../escape", "/tmp/escape", "..", "a/../../escape"])
def test_no_name_leads_out_of_the_folder(http: httpx2.Client, platform: RunningPlatform, name: str) -> None:
    assert "leads out of the folder" in message(send(http, name, b"x"))
    assert "leads out of the folder" in message(send(http, "a", b"x", file=name))
    assert message(ask(http, name), 404) == NOT_FOUND
    assert message(ask(http, f"../{platform.home.name}/token"), 404) == NOT_FOUND
    assert message(http.delete("/delete", params={"function": "files", "file": name}), 404) == NOT_FOUND
    assert list((platform.home / "data").rglob("*escape*")) == []
    assert list(platform.home.glob("*escape*")) == []


def test_who_names_no_function_means_the_files_of_all_own_ones(http: httpx2.Client) -> None:
    send(http, "shared.txt", b"x")
    with httpx2.Client(base_url=http.base_url, headers=http.headers, trust_env=False) as unnamed:
        assert "shared.txt" in names(unnamed)
        assert unnamed.get("/download", params={"file": "shared.txt"}).content == b"x"
        gone = unnamed.request("DELETE", "/delete/", data={"file": "shared.txt"})
        assert gone.json() == {"message": "Requested file was deleted."}
        assert message(unnamed.get("", params={"provider": "lab"})).endswith("name the function.")
    assert "shared.txt" not in names(http)


@pytest.mark.parametrize("name", ["a\0b", "x" * 256, "a//b", "%2e%2e", "?", "\u202e", "folder"])
def test_odd_names_get_an_answer(http: httpx2.Client, name: str) -> None:
    send(http, "a", b"x", file="folder/a")
    assert message(ask(http, name), 404) == NOT_FOUND


def test_the_words_for_what_is_missing(http: httpx2.Client) -> None:
    assert message(http.get("", params={"function": ""})) == "This field may not be blank."
    assert message(http.get("/download")) == "This field is required."
    assert message(ask(http, "")) == "This field may not be blank."
    assert message(http.get("", params={"function": "none"}), 404) == "Qiskit Function none doesn't exist."
    with_provider = {"function": "none", "provider": "lab"}
    assert message(http.get("", params=with_provider), 404) == "Qiskit Function none doesn't exist."
    assert message(http.get("/provider"), 400) == "This field is required."
    of_nobody = {"function": "files", "provider": "nobody", "file": "a"}
    for method, path in (("GET", ""), ("POST", "/upload"), ("GET", "/download"), ("DELETE", "/delete")):
        answer = http.request(method, f"/provider{path}", params=of_nobody)
        assert message(answer, 404) == "Provider nobody doesn't exist."


def test_ours_has_folders_sizes_times_and_checksums(http: httpx2.Client) -> None:
    answer = send(http, "whatever", b"12345", file="runs/größe 1/out.csv").json()
    assert answer["message"] == answer["file"]["name"] == "runs/größe 1/out.csv"

    listed = http.get("", params={"function": "files", "details": "true", "folder": "runs"}).json()["results"]
    assert listed == [answer["file"]]
    assert listed[0]["size"] == 5
    assert listed[0]["sha256"] == hashlib.sha256(b"12345").hexdigest()
    assert "runs" not in names(http)
    down = ask(http, "runs/größe 1/out.csv")
    assert down.content == b"12345"
    assert down.headers["content-disposition"] == 'attachment; filename="out.csv"'
    asked = {"function": "files", "details": "true", "folder": "../.."}
    assert "leads out of the folder" in message(http.get("", params=asked))


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-99", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=1-2,4-5", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)  # fmt: skip
def test_a_part_of_a_file(
    http: httpx2.Client, asked: str, status: int, content: bytes | None, told: str | None
) -> None:
    send(http, "ten", b"0123456789")
    answer = ask(http, "ten", Range=asked)
    assert answer.status_code == status
    assert answer.headers.get("content-range") == told
    if content is None:
        assert "has 10 bytes" in message(answer, 416)
    else:
        assert answer.content == content
        assert answer.headers["content-length"] == str(len(content))


def test_a_part_of_what_it_was_is_not_mixed_with_what_it_is_now(http: httpx2.Client) -> None:
    send(http, "ten", b"0123456789")
    tag = ask(http, "ten").headers["etag"]
    again = {"Range": "bytes=5-", "If-Range": tag}
    assert ask(http, "ten", **again).content == b"56789"
    send(http, "ten", b"abcdefghij")
    changed = ask(http, "ten", **again)
    assert (changed.status_code, changed.content) == (200, b"abcdefghij")
    assert changed.headers["etag"] != tag


def test_head_tells_all_but_the_content(http: httpx2.Client) -> None:
    send(http, "ten", b"0123456789")
    answer = ask(http, "ten", "HEAD", **{"Want-Repr-Digest": "sha-256=1", "Range": "bytes=2-3"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "10"
    digest = base64.b64encode(hashlib.sha256(b"0123456789").digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert message(ask(http, "none"), 404) == NOT_FOUND


def raw_upload(platform: RunningPlatform, name: str, length: int, sent: bytes) -> None:
    """Send a request that says it has `length` bytes, but ends after `sent`."""
    port = int(platform.url.rsplit(":", 1)[1])
    head = (
        f"POST /api/v1/files/upload/?function=files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {platform.token}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {length}\r\n\r\n"
        f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode() + sent)


def partials(platform: RunningPlatform) -> list[Path]:
    return list((platform.home / "data" / ".partial").iterdir())


def test_nothing_stays_of_an_upload_that_is_cut_or_crashed(own_platform: RunningPlatform, tmp_path: Path) -> None:
    uploader(client_of(own_platform), tmp_path)("files", "pass")
    with http_of(own_platform) as http:
        raw_upload(own_platform, "cut", 50 * MEGABYTE, b"x" * 3 * MEGABYTE)
        while partials(own_platform):  # the test's limit of time ends this
            http.get("")
        assert names(http) == []
    (own_platform.home / "data" / ".partial" / "half").write_bytes(b"what a crash leaves")
    own_platform.kill()
    own_platform.restart()
    assert partials(own_platform) == []


def test_the_limits_of_files_and_of_other_bodies(make_platform: Callable[..., RunningPlatform], tmp_path: Path) -> None:
    running = make_platform(TREADLE_LARGEST_BODY="200000", TREADLE_LARGEST_FILE="3000000")
    uploader(client_of(running), tmp_path)("files", "pass")
    with http_of(running) as http:
        assert send(http, "good", b"x" * 3_000_000).status_code == 200
        assert "has more than 3000000 bytes" in message(send(http, "bad", b"x" * 3_000_001), 413)
        other = {"other": (None, b"x" * 5_000_000), "file": ("bad", b"x")}
        assert "The request is larger" in message(http.post("/upload/", files=other), 413)
        for method, path in (("POST", "programs/run/"), ("DELETE", "files/delete/")):
            url = f"{running.url}/api/v1/{path}"
            large = httpx2.request(method, url, headers=http.headers, content=b"x" * 200_001, trust_env=False)
            assert "The request is larger than 200000 bytes" in message(large, 413)
        assert names(http) == ["good"]
    assert partials(running) == []


class Pattern:
    """A file of many bytes that is never in memory: a block again and again."""

    block = os.urandom(MEGABYTE)

    def __init__(self, blocks: int) -> None:
        self.left = blocks * MEGABYTE

    def read(self, size: int = -1) -> bytes:
        size = min(self.left, MEGABYTE if size < 0 else size)
        self.left -= size
        return self.block[:size] if size else b""


def test_a_large_file_goes_through_a_small_gateway(http: httpx2.Client, platform: RunningPlatform) -> None:
    size = 96 * MEGABYTE
    gateway = psutil.Process(platform.process.pid)
    send(http, "small", b"x")
    before = gateway.memory_info().rss
    parts: Any = {"file": ("large", Pattern(96))}

    assert http.post("/upload/", files=parts, timeout=50).status_code == 200
    assert gateway.memory_info().rss - before < 32 * MEGABYTE
    with http.stream("GET", "/download", params={"function": "files", "file": "large"}) as answer:
        assert sum(len(chunk) for chunk in answer.iter_bytes()) == size
    assert gateway.memory_info().rss - before < 32 * MEGABYTE
    http.delete("/delete", params={"function": "files", "file": "large"})


def test_a_program_reads_what_was_sent_and_leaves_files_of_its_own(
    http: httpx2.Client, upload: Upload, tmp_path: Path
) -> None:
    content = os.urandom(100_000)
    send(http, "input.bin", content)
    function = upload(
        "files",
        """
        import hashlib, os, pathlib
        from qiskit_serverless import save_result
        data = pathlib.Path(os.environ["DATA_PATH"])
        (data / "made here").mkdir(exist_ok=True)
        (data / "made here" / "out.bin").write_bytes(b"out")
        (data / "my result.txt").write_bytes(b"result")
        if not (data / "link").is_symlink():
            (data / "link").symlink_to("/etc/passwd")
        digest = hashlib.sha256((data / "input.bin").read_bytes()).hexdigest()
        save_result({"digest": digest, "same": os.environ["FUNCTION_DATA_PATH"] == str(data)})
        """,
    )
    assert function.run().result() == {"digest": hashlib.sha256(content).hexdigest(), "same": True}

    assert {"input.bin", "my result.txt"} <= set(names(http))
    assert ask(http, "my result.txt").content == b"result"
    assert message(ask(http, "link"), 404) == NOT_FOUND
    listed = http.get("", params={"function": "files", "details": "true"}).json()["results"]
    sums = {file["name"]: file["sha256"] for file in listed}
    assert sums["made here/out.bin"] == hashlib.sha256(b"out").hexdigest()
    assert "link" not in json.dumps(listed)
