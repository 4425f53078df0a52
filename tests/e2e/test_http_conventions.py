"""How the gateway speaks HTTP, whatever the route: methods, kinds of bodies and answers, headers, redirects, pages."""

import re

import httpx2
import pytest

from tests.e2e.conftest import UNKNOWN, message, run_to_its_end, tar_of, upload_with
from tests.running_platform import RunningPlatform


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/api/v1/programs/", "GET"),
        ("HEAD", "/api/v1/programs", "GET"),
        ("OPTIONS", "/api/v1/programs/run/", "POST"),
        ("DELETE", f"/api/v1/jobs/{UNKNOWN}/result/", "GET, POST"),
        ("PUT", f"/api/v1/jobs/{UNKNOWN}/runtime_jobs", "GET, POST"),
        ("POST", "/readiness/", "GET"),
    ],
)
def test_a_method_that_a_path_does_not_take_is_told_with_those_it_takes(
    platform: RunningPlatform, method: str, path: str, allow: str
) -> None:
    answer = httpx2.request(method, platform.url + path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    if method != "HEAD":
        assert answer.json()["message"].startswith(f'Method "{method}" not allowed.')


@pytest.mark.parametrize("path", ["/api/v1/programs//", "/api/v1/nothing", "/api", "/nothing", "/"])
def test_a_path_with_nothing_there_is_told_in_an_object(http: httpx2.Client, path: str) -> None:
    assert message(http.get(path), 404).startswith("There is nothing at /")


@pytest.mark.parametrize("path", ["/readiness", "/liveness", "/version", "/swagger", "/redoc"])
def test_a_probe_without_its_slash_is_a_redirect(http: httpx2.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.headers["location"]) == (301, f"{path}/")
    assert http.get(f"{path}?verbose=1").headers["location"] == f"{path}/?verbose=1"
    assert http.get(f"{path}/").status_code == 200


def test_the_api_is_described_for_people_and_for_programs_from_here_alone(http: httpx2.Client) -> None:
    document = http.get("/openapi.json").json()
    assert http.get("/swagger.json").json() == document
    assert http.get("/swagger.yaml").json() == document
    for path in ("/swagger/", "/redoc/"):
        page = http.get(path)
        assert page.headers["content-type"].startswith("text/html")
        assert all(path in page.text for path in document["paths"])
        assert re.findall(r"https?://", page.text) == []


def test_every_answer_tells_browsers_to_do_nothing_with_it(http: httpx2.Client) -> None:
    for path in ("/readiness/", "/readiness", "/api/v1/programs/", "/nothing", "/openapi.json", "/swagger/"):
        headers = http.get(path).headers
        assert headers["content-security-policy"] == "default-src 'none'"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/*;q=0.5", "text/html, image/png;q=0.1", ""])
def test_json_is_for_whoever_takes_it_and_for_browsers(http: httpx2.Client, accept: str) -> None:
    answer = http.get("/api/v1/programs/", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


def test_what_the_gateway_does_not_have_in_the_kind_asked_for_is_not_acceptable(platform: RunningPlatform) -> None:
    answer = httpx2.get(f"{platform.url}/api/v1/programs/", headers={"Accept": "application/xml, image/*"})
    assert (answer.status_code, answer.json()) == (406, {"detail": "Could not satisfy the request Accept header."})


def test_a_body_of_a_kind_that_nobody_reads_is_refused(http: httpx2.Client) -> None:
    answer = http.post("/api/v1/programs/run/", content="<a/>", headers={"Content-Type": "application/xml"})
    assert message(answer, 415) == 'Unsupported media type "application/xml" in request. Send JSON or a form.'


def test_json_without_a_kind_is_json(http: httpx2.Client) -> None:
    assert message(http.post("/api/v1/programs/run/", content=b"{}")) == "This field is required."


def test_arguments_may_be_larger_than_other_gateways_take(http: httpx2.Client) -> None:
    upload_with(http, tar_of(main_py=""), title="large", entrypoint="main.py")
    large = '"' + "x" * 4_000_000 + '"'
    run_to_its_end(http, "large", arguments=large)
    form = {"title": "large", "arguments": large, "config": "{}"}
    answer = http.post("/api/v1/programs/run/", data=form)
    assert answer.status_code == 200
    assert "event: end" in http.get(f"/api/v1/jobs/{answer.json()['id']}/stream/").text


@pytest.mark.parametrize("origin", ["http://localhost", "http://localhost:3000"])
def test_pages_of_this_machine_may_read_answers(http: httpx2.Client, origin: str) -> None:
    assert http.get("/api/v1/programs/", headers={"Origin": origin}).headers["access-control-allow-origin"] == origin
    asks = {
        "Origin": origin,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, content-type, service-crn",
    }
    allowed = http.options(f"/api/v1/jobs/{UNKNOWN}/sub_status/", headers=asks)
    assert allowed.status_code == 200
    assert "PATCH" in allowed.headers["access-control-allow-methods"]


@pytest.mark.parametrize("origin", ["http://localhost.example.com", "https://localhost", "null", "http://example.com"])
def test_pages_from_elsewhere_may_not(http: httpx2.Client, origin: str) -> None:
    assert "access-control-allow-origin" not in http.get("/api/v1/programs/", headers={"Origin": origin}).headers


@pytest.mark.parametrize("time", ["1700000000", "-1", "0.5", "today"])
def test_a_time_is_a_date_or_a_date_with_a_time(http: httpx2.Client, time: str) -> None:
    assert message(http.get("/api/v1/jobs/", params={"created_after": time})) == (
        "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
    )
    assert http.get("/api/v1/jobs/?created_after=2026-01-31").status_code == 200


def test_the_pages_of_a_listing_are_where_the_client_reached_the_gateway(http: httpx2.Client) -> None:
    upload_with(http, tar_of(main_py=""), title="proxied", entrypoint="main.py")
    for _ in range(2):
        run_to_its_end(http, "proxied")
    query = "function=proxied&created_after=2026-01-01T00%3A00%3A00%2B01%3A00"
    proxy = {"Host": "quantum.example.com", "X-Forwarded-Proto": "https"}
    page = http.get(f"/api/v1/jobs?{query}&limit=1", headers=proxy).json()
    assert page["next"] == f"https://quantum.example.com/api/v1/jobs/?{query}&limit=1&offset=1"
    assert http.get(f"/api/v1/jobs/?{query}&limit=1", headers={"Host": "["}).status_code == 200
    whole = http.get(f"/api/v1/jobs/?{query}&limit=0").json()
    assert (len(whole["results"]), whole["next"], whole["previous"]) == (2, None, None)


def test_jobs_are_listed_by_whose_functions_they_are_of(http: httpx2.Client) -> None:
    upload_with(http, tar_of(main_py=""), title="mine", entrypoint="main.py")
    run_to_its_end(http, "mine")
    assert http.get("/api/v1/jobs/?function=mi*ne&filter=serverless").json()["count"] == 1
    assert http.get("/api/v1/jobs/?function=mine&filter=catalog").json()["count"] == 0
    assert message(http.get("/api/v1/jobs/?filter=zzz")) == '"zzz" is not a valid choice.'


def test_all_jobs_of_a_function_are_listed_with_its_program(http: httpx2.Client) -> None:
    upload_with(http, tar_of(main_py=""), title="program", entrypoint="main.py")
    job_id = run_to_its_end(http, "program")
    function_id = http.get("/api/v1/programs/get_by_title/program/").json()["id"]
    [job] = http.get(f"/api/v1/programs/{function_id}/get_jobs").json()
    assert " ".join(job) == "id result status program created sub_status"
    assert (job["id"], job["result"], job["program"]["entrypoint"]) == (job_id, None, "main.py")
    for unknown in (UNKNOWN, "program"):
        words = message(http.get(f"/api/v1/programs/{unknown}/get_jobs/"), 404)
        assert words == f"Qiskit Function {unknown} doesn't exist."


def test_a_listing_without_a_limit_has_all_there_is(http: httpx2.Client) -> None:
    upload_with(http, tar_of(main_py=""), title="many", entrypoint="main.py")
    ids = [run_to_its_end(http, "many") for _ in range(3)]
    whole = http.get("/api/v1/jobs/?function=many&limit=0").json()
    assert [each["id"] for each in whole["results"]] == ids[::-1]
