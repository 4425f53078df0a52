"""A function says which arguments it takes; a run with others is refused before it becomes a job."""

import json
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import message, run_to_its_end, tar_of, upload_with

SCHEMA = {"type": "object", "properties": {"shots": {"type": "integer", "minimum": 1}}, "required": ["shots"]}
WRONG = {"message": "'minimum' validation failed, schema requires 1: rejected value 0", "path": ["shots"]}


@pytest.fixture
def strict(http: httpx2.Client) -> str:
    """The title of a function that takes a number of shots."""
    fields = {"title": "strict", "entrypoint": "main.py", "arguments_schema": json.dumps(SCHEMA)}
    upload_with(http, tar_of(main_py=""), **fields)
    return "strict"


def run(http: httpx2.Client, title: str, arguments: str, **fields: Any) -> httpx2.Response:
    return http.post("/api/v1/programs/run/", json={"title": title, "arguments": arguments, "config": {}, **fields})


def validate(http: httpx2.Client, title: str, arguments: str, **fields: Any) -> httpx2.Response:
    return http.post("/api/v1/programs/validate_arguments", json={"title": title, "arguments": arguments, **fields})


def test_a_run_whose_arguments_do_not_match_makes_no_job(http: httpx2.Client, strict: str) -> None:
    refused = run(http, strict, '{"shots": 0}')
    assert (refused.status_code, refused.json()) == (400, WRONG)
    assert http.get(f"/api/v1/jobs/?function={strict}").json()["count"] == 0
    run_to_its_end(http, strict, arguments='{"shots": 1}')


def test_arguments_can_be_checked_without_a_run(http: httpx2.Client, strict: str) -> None:
    assert validate(http, strict, '{"shots": 1}').json() == {"valid": True}
    refused = validate(http, strict, '{"shots": 0}')
    assert (refused.status_code, refused.json()) == (400, WRONG)
    assert validate(http, strict, "shots").json() == {
        "message": "arguments is not valid JSON: Expecting value: line 1 column 1 (char 0)",
        "path": [],
    }
    assert message(validate(http, "***", "{}")) == "Invalid title."
    assert message(validate(http, "lab/strict", "{}"), 404) == "Qiskit Function lab/strict doesn't exist."
    assert message(validate(http, strict, "")) == "This field may not be blank."


def test_without_a_schema_everything_goes(http: httpx2.Client) -> None:
    upload_with(http, tar_of(main_py=""), title="lax", entrypoint="main.py", arguments_schema="")
    assert validate(http, "lax", "no JSON").json() == {"valid": True}
    run_to_its_end(http, "lax", arguments="no JSON")


def test_a_schema_that_cannot_be_used_makes_no_version(http: httpx2.Client, strict: str) -> None:
    refused = upload_with(http, title=strict, arguments_schema='{"type": 5}')
    assert message(refused).startswith("arguments_schema cannot be used: it is not a valid JSON Schema: 5 is not")
    shown = http.get(f"/api/v1/programs/get_by_title/{strict}/").json()["arguments_schema"]
    assert json.loads(shown) == SCHEMA
