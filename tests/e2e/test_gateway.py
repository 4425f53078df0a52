"""The gateway at its edge: what it answers to whom, in which words."""

import gzip
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import httpx2
import pytest

from qiskit_serverless import ServerlessClient
from tests.e2e.conftest import UNKNOWN, Upload, message, tar_of, upload_with
from tests.running_platform import RunningPlatform, clean_environment
from treadle.domain.tokens import new_token


def test_probes_need_no_token(platform: RunningPlatform) -> None:
    assert httpx2.get(f"{platform.url}/readiness/").json() == {"status": "ready"}
    assert httpx2.get(f"{platform.url}/liveness/").json() == {"status": "alive"}
    assert set(httpx2.get(f"{platform.url}/version/").json()) == {"version"}


def test_the_openapi_document_names_every_route_and_asks_for_a_token(http: httpx2.Client) -> None:
    document = http.get("/openapi.json").json()
    assert "/api/v1/programs/run/" in document["paths"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["security"] == ([{"token": []}] if path.startswith("/api/") else [])
            assert operation["description"]


def test_every_route_of_the_api_refuses_a_caller_without_a_token(platform: RunningPlatform) -> None:
    paths = httpx2.get(f"{platform.url}/openapi.json").json()["paths"]
    for path, operations in paths.items():
        for method in operations:
            if not path.startswith("/api/"):
                continue
            url = (
                platform.url
                + path.format(
                    job_id=UNKNOWN, attempt=1, title="x", function_id=UNKNOWN, version=1, space="user", digest=64 * "0"
                )
                + "?offset=0"
            )
            answer = httpx2.request(method.upper(), url)
            assert (answer.status_code, answer.json()) == (401, {"detail": "Authorization token was not provided."}), (
                url
            )
            assert answer.headers["www-authenticate"] == "Bearer"
            wrong = httpx2.request(method.upper(), url, headers={"Authorization": "Bearer treadlejob.x.1.9.y"})
            assert wrong.status_code == 401, url


def test_only_the_last_word_of_the_header_counts(platform: RunningPlatform) -> None:
    for header in (platform.token, f"Token {platform.token}", f"Bearer  {platform.token}"):
        answer = httpx2.get(f"{platform.url}/api/v1/programs/", headers={"Authorization": header})
        assert answer.status_code == 200


def test_a_token_that_was_copied_incompletely_is_told_from_one_that_is_not_known(platform: RunningPlatform) -> None:
    words = {}
    for token in (platform.token, platform.token[:-1], new_token()):
        answer = httpx2.get(f"{platform.url}/api/v1/programs/", headers={"Authorization": f"Bearer {token}"})
        words[token] = answer.json().get("detail") if answer.status_code == 401 else answer.status_code
    known, cut, unknown = words.values()
    assert (known, unknown) == (200, "Authorization token is not valid.")
    assert cut.startswith("Authorization token is not valid. It was copied incompletely")


def test_paths_with_and_without_a_slash_are_the_same(http: httpx2.Client) -> None:
    assert http.get("/api/v1/programs").status_code == 200
    assert http.get("/api/v1/programs/").status_code == 200
    assert message(http.post("/api/v1/programs/run", json={"title": "x"})) == "This field is required."


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "result/"), ("GET", "logs/"), ("GET", "events/"), ("POST", "stop/"), ("GET", "stream/")],
)
def test_a_job_that_is_not_yours_does_not_exist(http: httpx2.Client, method: str, path: str) -> None:
    assert message(http.request(method, f"/api/v1/jobs/{UNKNOWN}/{path}"), 404) == f"Job [{UNKNOWN}] not found"


@pytest.mark.parametrize("job_id", ["1", UNKNOWN.upper().replace("0", "A"), "x" * 36])
def test_what_cannot_be_a_job_id_is_a_job_that_does_not_exist(http: httpx2.Client, job_id: str) -> None:
    assert message(http.get(f"/api/v1/jobs/{job_id}/"), 404) == f"Job [{job_id}] not found"


def test_the_words_for_a_function_that_does_not_exist(http: httpx2.Client) -> None:
    assert message(http.get("/api/v1/programs/get_by_title/none"), 404) == "Qiskit Function none doesn't exist."
    assert (
        message(http.get("/api/v1/programs/get_by_title/f?provider=lab"), 404) == "Qiskit Function lab/f doesn't exist."
    )
    run = {"title": "none", "arguments": "{}", "config": {}}
    assert message(http.post("/api/v1/programs/run/", json=run), 404) == "Qiskit Function none doesn't exist."
    assert message(http.get("/api/v1/jobs/?function=none"), 404) == "Qiskit Function none doesn't exist."


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"title": ""}, "This field may not be blank."),
        ({"title": "a/b/c"}, "Qiskit Function title is malformed. It can only contain one slash."),
        ({"title": "/", "entrypoint": "m.py"}, "This field may not be blank."),
        ({"title": "a/b", "provider": "lab"}, "Provider defined in title and in provider fields."),
        ({"title": "not_yet"}, "At least one of attributes (entrypoint, image) is required."),
        ({"entrypoint": "../x.py"}, "Invalid entrypoint. It must be a relative path to a .py file without '..'"),
        ({"entrypoint": "m.py", "image": "i"}, "Custom images are only available if you are a provider."),
        ({"entrypoint": "m.py", "dependencies": "{"}, "'dependencies' should be an array of strings or objects:"),
        ({"entrypoint": "m.py", "dependencies": "{}"}, "'dependencies' should be an array."),
        ({"entrypoint": "m.py", "dependencies": "[1]"}, "'dependencies' should be an array with strings or dict."),
        (
            {"entrypoint": "m.py", "dependencies": '[{"a":"1","b":"2"}]'},
            "'dependencies' should be an array with dict con",
        ),
        ({"entrypoint": "m.py", "dependencies": '["a b"]'}, "Error while parsing dependencies."),
        ({"entrypoint": "m.py", "dependencies": '["-r /etc/passwd"]'}, "Error while parsing dependencies."),
        ({"entrypoint": "m.py", "dependencies": '["numpy @ file:///etc"]'}, "Error while parsing dependencies."),
        ({"entrypoint": "m.py", "env_vars": "x"}, "'env_vars' should be an object of strings"),
        ({"entrypoint": "m.py", "env_vars": '{"A": 1}'}, "'env_vars' should be an object whose values are strings."),
        ({"entrypoint": "m.py", "env_vars": '{"A=B": "1"}'}, "'env_vars' has a variable that no environment can hold"),
        (
            {"entrypoint": "m.py", "dependencies": "[" * 100_000},
            "'dependencies' should be an array of strings or objects:",
        ),
        ({"entrypoint": "m.py", "dependencies": json.dumps(["a;" + "(" * 9999])}, "Error while parsing dependencies."),
        ({"entrypoint": "m.py", "dependencies": json.dumps(["a==" + "1" * 9999])}, "Error while parsing dependencies."),
        ({"entrypoint": "m.py", "env_vars": "[" * 100_000}, "'env_vars' should be an object of strings"),
        (
            {"entrypoint": "m.py", "env_vars": r'{"TOKEN": "\ud800"}'},
            "'env_vars' has a variable that no environment can",
        ),
        (
            {"entrypoint": "m.py", "version": "1" * 5000},
            "Invalid version - it has 5000 characters and the maximum is 255.",
        ),
        ({"entrypoint": "m.py", "version": "latest"}, "Invalid version - expected format x.y.z"),
        ({"entrypoint": "m.py", "type": "FOO"}, '"FOO" is not a valid choice.'),
        ({"entrypoint": "m.py", "arguments_schema": " " * 65537}, "arguments_schema is 65537 characters long"),
        ({"entrypoint": "m.py", "description": "d" * 65537}, "description is 65537 characters long and the maximum is"),
        ({"entrypoint": "m.py", "env_vars": " " * (2**20 + 1)}, "env_vars is 1048577 characters long"),
        ({"entrypoint": "m.py", "dependencies": " " * (2**20 + 1)}, "dependencies is 1048577 characters long"),
        ({"entrypoint": "m.py", "sizes": " " * (2**20 + 1)}, "sizes is 1048577 characters long"),
        ({"entrypoint": "m.py", "sizes": json.dumps(dict.fromkeys(range(101), "x1-1x1"))}, "sizes: Dictionary should"),
        ({"entrypoint": "m.py", "sizes": json.dumps({"s" * 256: "x1-1x1"})}, "Ensure this field has no more than 255"),
    ],
)
def test_the_words_for_an_upload_that_makes_no_sense(http: httpx2.Client, fields: dict[str, str], words: str) -> None:
    assert message(upload_with(http, **fields)).startswith(words)


def test_the_words_for_an_artifact_that_cannot_be_used(http: httpx2.Client) -> None:
    entrypoint = {"entrypoint": "main.py"}
    assert message(upload_with(http, b"", **entrypoint)) == "The submitted file is empty."
    assert message(upload_with(http, b"x", "a.zip", **entrypoint)).startswith("File extension “zip” is not allowed.")
    assert message(upload_with(http, b"no tar" * 99, **entrypoint)).startswith(
        "The artifact is not a readable tar file"
    )
    words = message(upload_with(http, tar_of(other_py="", text="x"), **entrypoint))
    assert words.startswith("The artifact has no file 'main.py'")
    assert words.endswith("Its Python files: other.py.")


def header_of(name: str, size: bytes = b"0" * 11 + b"\0", kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return the header of a tar member with a size field as given, which Python's own writer would not write."""
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    header[124:136], header[156:157], header[148:156] = size, kind, b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


BACKWARDS = b"\xff" * 10 + b"\xfc\x00"  # -1024 in base 256: from the second header back to the first


@pytest.mark.parametrize(
    "artifact",
    [
        header_of("a") + header_of("b", BACKWARDS) + header_of("main.py"),
        header_of("a", b"\x80" + b"\xff" * 11),
        header_of("a", kind=tarfile.XHDTYPE) * 3000,
        header_of("a", b"%011o\0" % 12, tarfile.XHDTYPE) + b"12 size=-99\n".ljust(512, b"\0") + header_of("main.py"),
        header_of("a", b"%011o\0" % 23, tarfile.XHDTYPE)
        + b"23 GNU.sparse.map=a,b,\n".ljust(512, b"\0")
        + header_of("m"),
        header_of("main.py") * 100_001,
        gzip.compress(header_of("main.py")),
    ],
    ids=["endless", "vast", "deep", "negative", "sparse", "many", "compressed"],
)
def test_an_artifact_made_to_harm_is_a_bad_request(http: httpx2.Client, artifact: bytes) -> None:
    assert message(upload_with(http, artifact + bytes(1024), entrypoint="main.py")).startswith("The artifact ")


def test_names_in_an_artifact_that_are_no_text_can_be_told(http: httpx2.Client) -> None:
    named = header_of("xx.py").replace(b"xx", b"\xff\xfe", 1)
    header = bytearray(named)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    words = message(upload_with(http, bytes(header) + bytes(1024), entrypoint="main.py"))
    assert words.endswith("Its Python files: \udcff\udcfe.py.")


def test_an_update_changes_only_what_it_names(http: httpx2.Client) -> None:
    first = upload_with(
        http, tar_of(main_py=""), entrypoint="main.py", description="first", env_vars='{"A": "1"}'
    ).json()
    second = upload_with(http, description="second").json()
    assert second == {**first, "description": "second"}
    words = message(upload_with(http, tar_of(other_py="")))
    assert words.startswith("The artifact has no file 'main.py'")


def test_the_keys_of_an_upload_and_of_a_function_stand_in_the_contracts_order(http: httpx2.Client) -> None:
    answer = upload_with(http, tar_of(main_py=""), entrypoint="main.py").json()
    assert " ".join(answer) == (
        "title entrypoint artifact dependencies env_vars image provider description type version runner arguments_schema"
    )
    found = http.get("/api/v1/programs/get_by_title/edge").json()
    assert " ".join(found) == (
        "id title entrypoint artifact dependencies description documentation_url type version runner arguments_schema"
    )
    assert found in http.get("/api/v1/programs").json()
    assert found["id"] not in [other["id"] for other in http.get("/api/v1/programs?filter=catalog").json()]


def test_a_secret_variable_is_sealed_in_the_answer(http: httpx2.Client) -> None:
    answer = upload_with(http, tar_of(main_py=""), entrypoint="main.py", env_vars='{"My_Token": "hush", "B": "x"}')
    variables = json.loads(answer.json()["env_vars"])
    assert variables["B"] == "x"
    assert "hush" not in variables["My_Token"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"arguments": "{}", "config": {}}, "This field is required."),
        ({"title": "edge", "config": {}}, "This field is required."),
        ({"title": "edge", "arguments": {}, "config": {}}, "Not a valid string."),
        ({"title": "edge", "arguments": "", "config": {}}, "This field may not be blank."),
        ([], "Invalid data."),
    ],
)
def test_the_words_for_a_run_that_makes_no_sense(http: httpx2.Client, body: Any, words: str) -> None:
    assert message(http.post("/api/v1/programs/run/", json=body)).startswith(words)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "multipart/form-data"])
def test_a_body_that_cannot_be_parsed_is_a_bad_request(http: httpx2.Client, kind: str) -> None:
    answer = http.post("/api/v1/programs/run/", content=b"{{{", headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert http.post("/api/v1/programs/run/", content=b"[" * 100_000, headers={"Content-Type": kind}).status_code == 400


@pytest.mark.parametrize(
    "field", ["title", "provider", "description", "version", "runner", "arguments_schema", "image"]
)
def test_half_a_surrogate_pair_is_not_text(http: httpx2.Client, field: str) -> None:
    body = json.dumps({"title": "edge", "entrypoint": "m.py", field: "a\ud800"})  # which json escapes
    words = message(http.post("/api/v1/programs/upload/", content=body, headers={"Content-Type": "application/json"}))
    assert words.startswith(f"'{field}' holds half of a surrogate pair")


@pytest.mark.parametrize("charset", ["undefined", "punycode", "unicode_escape"])
def test_a_form_in_a_charset_that_makes_no_text_is_a_bad_request(http: httpx2.Client, charset: str) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\n\\ud800\xff\r\n--x--\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    assert http.post("/api/v1/programs/run/", content=form, headers=headers).status_code == 400


def test_a_run_can_be_sent_as_a_form_too(http: httpx2.Client) -> None:
    upload_with(http, tar_of(main_py=""), entrypoint="main.py")
    answer = http.post("/api/v1/programs/run/", data={"title": "edge", "arguments": "{}"})
    assert answer.status_code == 200
    assert " ".join(answer.json()) == "id result status program created arguments compute_profile"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=x", "A valid integer is required."),
        ("limit=-1", "Ensure this value is greater than or equal to 0."),
        ("offset=-1", "Ensure this value is greater than or equal to 0."),
        ("created_after=yesterday", "Datetime has wrong format."),
        ("created_after=0001-01-01T00:00:00%2B14:00", "Datetime has wrong format."),
        ("limit=99999999999999999999", "Ensure this value is less than or equal to"),
        ("offset=99999999999999999999", "Ensure this value is less than or equal to"),
    ],
)
def test_the_words_for_a_listing_that_makes_no_sense(http: httpx2.Client, query: str, words: str) -> None:
    assert message(http.get(f"/api/v1/jobs/?{query}")).startswith(words)


def test_a_time_without_a_zone_is_in_utc(http: httpx2.Client, upload: Upload) -> None:
    job = upload("dated", "pass").run()
    created = http.get(f"/api/v1/jobs/{job.job_id}/").json()["created"]
    for time in (created, created.removesuffix("Z")):
        found = http.get("/api/v1/jobs/", params={"function": "dated", "created_after": time}).json()
        assert [each["id"] for each in found["results"]] == [job.job_id]


def test_the_pages_of_a_listing_keep_its_filters(http: httpx2.Client, upload: Upload) -> None:
    function = upload("paged", "pass")
    for _ in range(3):
        function.run().result()
    first = http.get("/api/v1/jobs/?function=paged&limit=2&status=SUCCEEDED").json()
    assert first["count"] == 3
    assert first["previous"] is None
    second = http.get(first["next"]).json()
    assert (len(first["results"]), len(second["results"]), second["next"]) == (2, 1, None)
    assert http.get(second["previous"]).json() == first
    assert " ".join(second["results"][0]) == "id status program created sub_status compute_profile"


def test_one_job_is_shown_with_and_without_its_result(http: httpx2.Client, upload: Upload) -> None:
    job = upload("shown", "from qiskit_serverless import save_result\nsave_result((1, 2))").run()
    job.result()
    shown = http.get(f"/api/v1/jobs/{job.job_id}/?with_result=false").json()
    assert " ".join(shown) == "id status program created sub_status fleet_id compute_profile business_model"
    assert shown["program"].keys() == {"id", "title"}
    whole = http.get(f"/api/v1/jobs/{job.job_id}/?with_result=true").json()
    assert next(iter(whole)) == "id"
    assert json.loads(whole["result"]) == [1, 2]
    assert whole["program"]["entrypoint"] == "main.py"
    assert message(http.get(f"/api/v1/jobs/{job.job_id}/?with_result=perhaps")) == "Must be a valid boolean."


def test_a_result_is_plain_for_clients_of_today_and_whole_for_ours(http: httpx2.Client, upload: Upload) -> None:
    job = upload("plain", "from qiskit_serverless import save_result\nsave_result({'pair': (1, 2)})").run()
    assert job.result() == {"pair": (1, 2)}
    plain = http.get(f"/api/v1/jobs/{job.job_id}/result/").json()["result"]
    assert json.loads(plain) == {"pair": [1, 2]}
    whole = http.get(f"/api/v1/jobs/{job.job_id}/result/", headers={"Treadle-Encoding": "1"}).json()["result"]
    assert json.loads(whole) != json.loads(plain)


def test_a_result_that_is_not_there_is_an_empty_answer(http: httpx2.Client, upload: Upload) -> None:
    job = upload("nothing", "pass").run()
    job.result()
    answer = http.get(f"/api/v1/jobs/{job.job_id}/result/")
    assert (answer.status_code, answer.content) == (204, b"")


def test_the_events_of_a_failed_job_name_its_cause(http: httpx2.Client, upload: Upload) -> None:
    job = upload("failed", "raise ValueError('x')").run()
    while not job.in_terminal_state():
        for _ in job.follow():
            pass
    [error] = http.get(f"/api/v1/jobs/{job.job_id}/events/?type=ERROR").json()
    assert set(error) == {"event_type", "origin", "context", "created", "data"}
    assert (error["data"]["code"], error["data"]["exception"]) == ("user_exception", "ValueError")
    assert error["data"]["args"]["line"] == 1
    assert message(http.get(f"/api/v1/jobs/{job.job_id}/events/?type=WARNING")).startswith("Type is not valid.")


def test_stopping_a_job_that_has_ended_says_so(http: httpx2.Client, upload: Upload) -> None:
    job = upload("ended", "pass").run()
    job.result()
    path = f"/api/v1/jobs/{job.job_id}/stop/"
    assert http.post(path).json()["message"] == "Job already in terminal state."
    words = http.post(path, json={"service": "null"}).json()["message"]
    assert words == "Job already in terminal state. QiskitRuntimeService not found, cannot stop runtime jobs."


def test_a_stream_goes_on_where_it_was_cut(http: httpx2.Client, upload: Upload) -> None:
    job = upload("streamed", "for n in range(3):\n    print(n)").run()
    job.result()
    path = f"/api/v1/jobs/{job.job_id}/stream/?logs=true"
    events = http.get(path).text.strip().split("\n\n")
    for place in range(len(events) - 1):
        last = next(line[4:] for line in events[place].splitlines() if line.startswith("id: "))
        rest = http.get(path, headers={"Last-Event-ID": last}).text.strip().split("\n\n")
        assert rest == events[place + 1 :]
    assert "event: end" in events[-1]
    assert message(http.get(path, headers={"Last-Event-ID": "yesterday"})).startswith(
        "Last-Event-ID 'yesterday' is not"
    )


@pytest.mark.parametrize("last", ["9" * 18 + ".0", "0." + "9" * 18])
def test_a_stream_from_far_beyond_the_end_only_ends(http: httpx2.Client, upload: Upload, last: str) -> None:
    job = upload("beyond", "print('x')").run()
    job.result()
    answer = http.get(f"/api/v1/jobs/{job.job_id}/stream/?logs=true", headers={"Last-Event-ID": last})
    assert "event: end" in answer.text
    words = message(http.get(f"/api/v1/jobs/{job.job_id}/stream/", headers={"Last-Event-ID": last + "9" * 18}))
    assert words.startswith("Last-Event-ID")


def test_what_a_program_raises_can_be_shown_whatever_it_says(http: httpx2.Client, upload: Upload) -> None:
    job = upload("raises", "raise ValueError('\\ud800')").run()
    for _ in job.follow():
        pass
    [error] = http.get(f"/api/v1/jobs/{job.job_id}/events/?type=ERROR").json()
    assert "ValueError: \ud800" in error["data"]["message"]


@pytest.mark.parametrize(
    "outcome",
    [
        "[1]",
        "[" * 100_000,
        '{"ending": "timed_out", "wall_seconds": "long"}',
        '{"ending": "timed_out", "wall_seconds": 1e999}',
        '{"ending": "exited", "exit_code": 1, "failure": {"type": [], "message": "", "details": [1]}}',
        '{"ending": "sometimes"}',
        '{"exit_code": 0}',
    ],
    ids=["list", "deep", "text", "infinite", "types", "unknown", "missing"],
)
def test_a_program_that_reports_nonsense_with_its_token_is_refused(
    http: httpx2.Client, upload: Upload, outcome: str
) -> None:
    program = f"""
        import os
        import httpx2
        from qiskit_serverless import save_result

        job = os.environ["ENV_JOB_ID_GATEWAY"]
        url = os.environ["ENV_JOB_GATEWAY_HOST"] + f"/api/runner/v1/jobs/{{job}}/attempts/1/finished/"
        headers = {{"Authorization": "Bearer " + os.environ["ENV_JOB_GATEWAY_TOKEN"]}}
        answer = httpx2.post(url, content={outcome!r}, headers=headers)
        save_result([answer.status_code, answer.json()["message"]])
    """
    status, words = upload("nonsense", program).run().result()
    assert status == 400
    assert words.startswith("This is not an outcome")


def test_a_result_the_program_wrote_by_itself_is_shown_as_it_is(http: httpx2.Client, upload: Upload) -> None:
    text = '{"__type__": "treadle:dict", "__value__": 5}'
    job = upload(
        "by_itself", f"import os, pathlib\npathlib.Path(os.environ['RESULTS_PATH']).write_text({text!r})"
    ).run()
    for _ in job.follow():
        pass
    assert http.get(f"/api/v1/jobs/{job.job_id}/result/").json() == {"result": text}


@pytest.mark.parametrize(
    ("name", "words"), [("treadle.db", "cannot be opened: file is not a database"), ("secret.key", "holds no key")]
)
def test_a_home_whose_files_are_damaged_is_told_in_two_lines(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_text("damaged, and long enough that it is read as something at all")
    command = [sys.executable, "-m", "treadle.cli", "up", "--home", tmp_path, "--port", "0"]
    ended = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=30)
    assert ended.returncode != 0
    said = " ".join(ended.stderr.split())
    assert words in said
    assert "Hint: Bring back" in said
    assert "Traceback" not in said


def test_the_limit_of_active_jobs_is_told(make_platform: Any) -> None:
    platform = make_platform(TREADLE_ACTIVE_JOBS_PER_USER="1", TREADLE_RUNNING_JOBS="1")
    with httpx2.Client(base_url=platform.url, headers={"Authorization": platform.token}, timeout=30) as http:
        upload_with(http, tar_of(main_py="import time; time.sleep(60)"), entrypoint="main.py")
        run = {"title": "edge", "arguments": "{}", "config": {}}
        first = http.post("/api/v1/programs/run/", json=run).json()
        words = message(http.post("/api/v1/programs/run/", json=run), 429)
        assert words == "Active job limit reached. The maximum allowed is 1."
        http.post(f"/api/v1/jobs/{first['id']}/stop/")
        second = http.post("/api/v1/programs/run/", json=run)
        assert second.status_code == 200
        http.post(f"/api/v1/jobs/{second.json()['id']}/stop/")


def test_a_body_that_is_too_large_is_refused(make_platform: Any) -> None:
    platform = make_platform(TREADLE_LARGEST_BODY="10000")
    with httpx2.Client(base_url=platform.url, headers={"Authorization": platform.token}, timeout=30) as http:
        run = {"title": "edge", "arguments": "x" * 20_000, "config": {}}
        assert message(http.post("/api/v1/programs/run/", json=run), 413).startswith("The request is larger than 10000")
        assert message(upload_with(http, b"x" * 20_000, entrypoint="m.py"), 413).startswith("The request is larger")


def test_a_job_token_opens_its_own_attempt_and_nothing_else(
    client: ServerlessClient, http: httpx2.Client, upload: Upload
) -> None:
    program = "import os\nfrom qiskit_serverless import save_result\nsave_result(os.environ['ENV_JOB_GATEWAY_TOKEN'])"
    job = upload("token", program).run()
    token = job.result()
    headers = {"Authorization": f"Bearer {token}"}
    assert http.get("/api/v1/programs/", headers=headers).status_code == 401
    own = f"/api/runner/v1/jobs/{job.job_id}/attempts/1/heartbeat/"
    assert http.post(own, headers=headers).status_code == 409
    other = f"/api/runner/v1/jobs/{UNKNOWN}/attempts/1/heartbeat/"
    assert http.post(other, headers=headers).status_code == 404
    assert http.post(own).status_code == 401


def test_what_the_gateway_keeps_is_for_its_owner_only(platform: RunningPlatform, upload: Upload) -> None:
    upload("private", "print('x')").run().result()
    for path in platform.home.iterdir():
        if path.is_file() and path.stat().st_size:
            assert path.stat().st_mode & 0o077 == 0, path


def test_an_artifact_that_is_refused_is_not_stored(own_platform: RunningPlatform) -> None:
    headers = {"Authorization": f"Bearer {own_platform.token}"}
    with httpx2.Client(base_url=own_platform.url, headers=headers, timeout=30) as http:
        stored = own_platform.home / "objects" / "artifacts"
        assert message(upload_with(http, tar_of(other_py="1"), entrypoint="main.py")).startswith("The artifact has no")
        assert not stored.exists()
        upload_with(http, tar_of(main_py="1"), entrypoint="main.py")
        assert message(upload_with(http, tar_of(other_py="2"))).startswith("The artifact has no file 'main.py'")
        assert len(list(stored.iterdir())) == 1
