"""Whatever is sent to whichever route, the answer is no fault of ours, and an error is an object with words for people."""

import json
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.e2e.conftest import UNKNOWN

VALUES: list[Any] = [
    *(
        "",
        " ",
        "\0",
        "a" * 300,
        "../../etc/passwd",
        "%00",
        "💥",
        "\ud800",
        "null",
        "-1",
        "1e999",
        "9" * 40,
        "[",
        "{}",
        "x/y",
    ),
    *(None, True, 10**30, -1, 1.5, [], {}, ["x"], {"a": {"b": []}}),
]


def words_of(answer: httpx2.Response, sent: object) -> str:
    """Return the words of an error, an empty text for what is none."""
    assert answer.status_code < 500, (answer.request.method, str(answer.request.url), sent, answer.text)
    if answer.status_code < 400:
        return ""
    fields = answer.json()
    assert isinstance(fields, dict)
    return str(next(iter(fields.values())))


def operations(http: httpx2.Client) -> list[tuple[str, str, list[str], list[str]]]:
    """Return method, path, names in the query, and names in the body of every route that clients may call."""
    found = []
    for path, methods in http.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            query = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
            content = operation.get("requestBody", {}).get("content", {})
            fields = content.get("application/json", {}).get("schema", {}).get("properties", {})
            if not path.startswith("/api/runner/"):
                found.append((method.upper(), path, query, list(fields)))
    return found


def filled(path: str, value: object) -> str:
    text = quote(str(value).encode(errors="replace"), safe="")
    for name in ("job_id", "function_id", "title", "version"):
        path = path.replace(f"{{{name}}}", text)
    return path


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:20])
def test_no_value_anywhere_makes_a_fault(http: httpx2.Client, value: Any) -> None:
    for method, path, query, fields in operations(http):
        plain = filled(path, UNKNOWN)
        text = str(value).encode(errors="replace").decode()
        words_of(http.request(method, filled(path, value)), "path")
        for name in query:
            words_of(http.request(method, plain, params={name: text}), name)
        for name in fields:
            body = json.dumps({"title": "hostile", "arguments": "{}", "entrypoint": "main.py", name: value})
            words_of(http.request(method, plain, content=body, headers={"Content-Type": "application/json"}), body)
            words_of(http.request(method, plain, data={"title": "hostile", name: text}), name)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=nothing"},
        {"Content-Type": "multipart/form-data; boundary="},
        {"Accept": ";;;,*/json, text/"},
        {"Range": "bytes=9-1,-,x"},
        {"Treadle-Encoding": "-1"},
        {"Last-Event-ID": "x.y"},
        {"Origin": "null, http://localhost"},
        {"Host": "["},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_no_header_makes_a_fault(http: httpx2.Client, headers: dict[str, str]) -> None:
    for method, path, _, _ in operations(http):
        words_of(http.request(method, filled(path, UNKNOWN), content=b"{", headers=headers), headers)
