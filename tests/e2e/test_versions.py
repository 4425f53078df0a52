"""Versions of a function: each upload makes one, jobs keep theirs, new jobs run the one that was rolled back to."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import Upload, another_user
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


@pytest.mark.anyio
async def test_the_versions_of_another_user_do_not_exist(
    platform: RunningPlatform, http: httpx2.Client, upload: Upload
) -> None:
    upload("hidden", "pass")
    function_id = id_of(http, "hidden")
    headers = {"Authorization": f"Bearer {await another_user(platform)}"}
    with httpx2.Client(base_url=str(http.base_url), headers=headers, timeout=30) as stranger:
        for answer in (
            stranger.get(f"/{function_id}/versions/"),
            stranger.post(f"/{function_id}/rollback/", json={"version": 1}),
        ):
            assert (answer.status_code, answer.json()) == (
                404,
                {"message": f"Qiskit Function {function_id} doesn't exist."},
            )
        assert run_at(stranger, "hidden", 1).status_code == 404
