"""Files on their way in and out: however a body is cut, and whatever part is asked for."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.in_process.conftest import Gateway

pytestmark = pytest.mark.anyio

FILES = "/api/v1/files/"
CONTENT = bytes(range(200)) * 3
BOUNDARY = b"--the-boundary"
NUMBERS = some.integers(0, 700) | some.integers(0, 10**18)
# What looks like the end of a part, or nearly so, is where a parser goes wrong.
PIECES = some.sampled_from([b"\r", b"\n", b"\r\n", b"--", BOUNDARY[:-1], b"\r\n" + BOUNDARY[:-1], b"\0", b"x" * 50])


async def in_chunks(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def form_with(content: bytes, name: str = "data.bin") -> bytes:
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"'.encode()
    other = b'Content-Disposition: form-data; name="other"\r\n\r\nsomething else'
    return b"\r\n".join([BOUNDARY, other, BOUNDARY, head, b"", content, BOUNDARY + b"--", b""])


async def upload(gateway: Gateway, body: bytes, chunk: int, name: str = "data.bin") -> Any:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY[2:].decode()}"}
    content = in_chunks(body, chunk)
    return await gateway.http.post(f"{FILES}upload/", params={"file": name}, headers=headers, content=content)


async def download(gateway: Gateway, name: str = "data.bin", **headers: str) -> Any:
    return await gateway.http.get(f"{FILES}download/", params={"file": name}, headers=headers)


@settings(max_examples=40, deadline=None)
@given(content=some.lists(PIECES, max_size=12).map(b"".join), chunk=some.integers(1, 60))
async def test_a_file_arrives_as_it_was_sent_however_it_is_cut(gateway: Gateway, content: bytes, chunk: int) -> None:
    answer = await upload(gateway, form_with(content), chunk)
    assert answer.status_code == 200, answer.text
    assert answer.json()["file"]["size"] == len(content)
    assert (await download(gateway)).content == content


@settings(max_examples=25, deadline=None)
@given(kept=some.integers(0, 100), chunk=some.integers(1, 300))
async def test_of_a_file_that_does_not_arrive_whole_nothing_is_stored(gateway: Gateway, kept: int, chunk: int) -> None:
    await upload(gateway, form_with(b"as it was"), 100, "kept.bin")
    body = form_with(CONTENT)
    answer = await upload(gateway, body[: int((len(body) - 4) * kept / 100)], chunk, "kept.bin")
    assert answer.status_code == 400, answer.text
    assert (await download(gateway, "kept.bin")).content == b"as it was"
    names = (await gateway.http.get(FILES)).json()["results"]
    assert [name for name in names if "kept" in name] == ["kept.bin"]


def part(first: int | None, last: int | None) -> bytes | None:
    """Return what a range means (RFC 9110, section 14.1.2), None for nothing that could be sent."""
    if first is None:
        return CONTENT[-last:] or None if last else None
    return CONTENT[first : None if last is None else last + 1] or None


@settings(max_examples=80, deadline=None)
@given(first=some.none() | NUMBERS, last=some.none() | NUMBERS)
async def test_any_part_of_a_file_is_sent_as_asked_for(gateway: Gateway, first: int | None, last: int | None) -> None:
    await upload(gateway, form_with(CONTENT), 1000, "parts.bin")
    asked = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    answer = await download(gateway, "parts.bin", Range=asked)
    is_range = (first is not None or last is not None) and not (first is not None and last is not None and last < first)
    if not is_range:
        assert (answer.status_code, answer.content) == (200, CONTENT)
        return
    expected = part(first, last)
    if expected is None:
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"
        return
    assert (answer.status_code, answer.content) == (206, expected)
    start = len(CONTENT) - len(expected) if first is None else first
    assert answer.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(CONTENT)}"


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,3-4", "bytes = 0-1", "lines=0-1", "bytes=-", "bytes=a-b", "bytes=0x1-2", ""]
)
async def test_a_range_that_is_not_understood_means_the_whole_file(gateway: Gateway, asked: str) -> None:
    await upload(gateway, form_with(CONTENT), 1000, "parts.bin")
    answer = await download(gateway, "parts.bin", Range=asked)
    assert (answer.status_code, answer.content) == (200, CONTENT)


async def test_a_download_is_taken_up_only_where_the_file_is_still_the_same(gateway: Gateway) -> None:
    await upload(gateway, form_with(CONTENT), 1000, "parts.bin")
    tag = (await download(gateway, "parts.bin")).headers["etag"]
    same = await download(gateway, "parts.bin", **{"Range": "bytes=10-", "If-Range": tag})
    assert (same.status_code, same.content) == (206, CONTENT[10:])
    await upload(gateway, form_with(CONTENT[::-1]), 1000, "parts.bin")
    changed = await download(gateway, "parts.bin", **{"Range": "bytes=10-", "If-Range": tag})
    assert (changed.status_code, changed.content) == (200, CONTENT[::-1])


@pytest.mark.parametrize("body", [b"", b"no form", BOUNDARY + b"--\r\n", form_with(b"x").replace(b'"file"', b'"elif"')])
async def test_a_body_without_a_file_is_refused(gateway: Gateway, body: bytes) -> None:
    answer = await upload(gateway, body, 10)
    assert answer.status_code == 400
    assert answer.json()["message"]
