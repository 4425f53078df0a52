"""A lab publishes a function: what its admins, those who run it, those who only see it, and strangers get to see."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.e2e.test_gateway import UNKNOWN, message, tar_of
from tests.operating import administer
from tests.running_platform import RunningPlatform
from treadle.administration import Administration
from treadle.services.publishing import FunctionName

SOLVE = FunctionName("solve", "lab", "")
PROGRAM = """
import os

from qiskit_serverless import get_arguments, save_result
from private_recipe import simmer

print("[PUBLIC] solving for you", flush=True)
print("[PRIVATE] with the golden ratio", flush=True)
print("an unmarked secret", flush=True)
print("[PUBLIC] almost there", flush=True)
save_result({"answer": simmer(get_arguments()["angle"]), "trial": os.environ["ENV_ACCESS_TRIAL"]})
"""
RECIPE = """
def simmer(angle):
    return 1 / angle
"""
PUBLIC_LOG = "solving for you\nalmost there\n"
PRIVATE_LOG = "with the golden ratio\nan unmarked secret\n"
SECRETS = ("private_recipe", "simmer", "golden", "secret", "hush", "pendulum", "angle)", "Traceback")
"""What only the lab may read: names, source lines and log lines of its program, and what it was uploaded with."""


class Person:
    """Somebody with a token, who speaks HTTP."""

    def __init__(self, platform: RunningPlatform, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx2.Client(base_url=f"{platform.url}/api/v1", headers=headers, timeout=30)
        self.token = token

    def upload(self, artifact: bytes | None = None, **fields: str) -> Any:
        files = {"artifact": ("artifact.tar", artifact)} if artifact is not None else None
        return self.http.post("/programs/upload/", data={"title": "lab/solve", **fields}, files=files)

    def run(self, title: str = "solve", provider: str | None = "lab", **arguments: Any) -> Any:
        body = {"title": title, "provider": provider, "arguments": json.dumps(arguments), "config": {}}
        return self.http.post("/programs/run/", json=body)

    def finished_job(self, **arguments: Any) -> str:
        """Run the lab's function to its end and return the job's id."""
        answer = self.run(**arguments)
        assert answer.status_code == 200, answer.text
        job_id: str = answer.json()["id"]
        self.http.get(f"/jobs/{job_id}/stream/").raise_for_status()
        return job_id

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.http.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()


@dataclass(frozen=True)
class People:
    """The lab's admin and the others.

    Attributes:
        boss: Acts for the lab, and uploaded its function.
        mate: May run it.
        taster: May run it on trial.
        guest: May see it.
        stranger: Has nothing to do with the lab.
        newcomer: Has nothing to do with it yet.
        platform: Their platform.
    """

    boss: Person
    mate: Person
    taster: Person
    guest: Person
    stranger: Person
    newcomer: Person
    platform: RunningPlatform


@pytest.fixture(scope="module")
def people(platform: RunningPlatform) -> Iterator[People]:
    """A lab whose function the mates run, the tasters try and the guests see."""
    names = ("boss", "mate", "taster", "guest", "stranger", "newcomer")

    async def set_up(opened: Administration) -> list[str]:
        accounts, publishing = opened.accounts, opened.publishing
        tokens = [await accounts.add_user(name) for name in names]
        for name in names[:-2]:
            await accounts.add_group(f"{name}s")
            await accounts.add_members(f"{name}s", [name])
        await publishing.add_provider("lab", "registry.example/lab")
        await publishing.add_admins("lab", "bosss")
        return tokens

    made = [Person(platform, token) for token in administer(platform, set_up)]
    uploaded = made[0].upload(
        tar_of(kitchen_py=PROGRAM, private_recipe_py=RECIPE), entrypoint="kitchen.py", env_vars='{"RECIPE": "hush"}'
    )
    assert uploaded.status_code == 200, uploaded.text
    assert uploaded.json()["provider"] == "lab"

    async def share(opened: Administration) -> None:
        await opened.publishing.share(SOLVE, "mates", may_run=True, trial=False)
        await opened.publishing.share(SOLVE, "tasters", may_run=True, trial=True)
        await opened.publishing.share(SOLVE, "guests", may_run=False, trial=False)

    administer(platform, share)
    yield People(*made, platform)
    for person in made:
        person.http.close()


def titles(person: Person, query: str = "") -> list[tuple[str | None, str]]:
    return [(each.get("provider"), each["title"]) for each in person.get(f"/programs/?{query}")]


def test_a_colleague_runs_the_function_and_sees_the_public_lines_only(people: People) -> None:
    job = people.mate.finished_job(angle=4)
    result = json.loads(people.mate.get(f"/jobs/{job}/result/")["result"])
    assert result == {"answer": 0.25, "trial": "False"}
    assert people.mate.get(f"/jobs/{job}/logs/") == {"logs": PUBLIC_LOG}
    words = people.mate.get(f"/jobs/{job}/provider-logs/", 403)
    assert words == {"message": f"You don't have access to job [{job}]"}


def test_a_live_stream_shows_the_public_lines_only_and_goes_on_from_wherever_it_was_cut(people: People) -> None:
    job = people.mate.run(angle=4).json()["id"]
    path = f"/jobs/{job}/stream/?logs=true"
    live = people.mate.http.get(path).text
    assert [secret for secret in SECRETS if secret in live] == []
    assert shown_in(live) == PUBLIC_LOG
    events = live.strip().split("\n\n")
    for place, event in enumerate(events[:-1]):
        last = event.rpartition("id: ")[2]
        rest = people.mate.http.get(path, headers={"Last-Event-ID": last}).text
        assert shown_in("\n\n".join(events[: place + 1])) + shown_in(rest) == PUBLIC_LOG
    assert people.mate.http.get(f"/jobs/{job}/stream/?provider_logs=true").status_code == 403


def shown_in(stream: str) -> str:
    """Return the log text of a stream."""
    data = [json.loads(line) for line in re.findall(r"^data: (.*)$", stream, re.MULTILINE)]
    return "".join(each.get("text", "") for each in data)


def test_the_lab_sees_the_job_and_its_private_lines_but_not_what_belongs_to_the_colleague(people: People) -> None:
    job = people.mate.finished_job(angle=4)
    assert people.boss.get(f"/jobs/{job}/")["program"]["provider"] == "lab"
    assert people.boss.get(f"/jobs/{job}/provider-logs/") == {"logs": PRIVATE_LOG}
    assert shown_in(people.boss.http.get(f"/jobs/{job}/stream/?provider_logs=true").text) == PRIVATE_LOG
    assert people.boss.get(f"/jobs/{job}/?with_result=true")["result"] is None
    assert "You don't have access" in people.boss.get(f"/jobs/{job}/logs/", 403)["message"]
    assert people.boss.http.get(f"/jobs/{job}/stream/?logs=true").status_code == 403
    for path in ("result/", "events/"):
        assert people.boss.get(f"/jobs/{job}/{path}", 404)["message"] == f"Job [{job}] not found"
    assert people.boss.http.post(f"/jobs/{job}/stop/").status_code == 404


def test_the_lab_lists_everybodys_jobs_and_everybody_lists_their_own(people: People) -> None:
    job = people.taster.finished_job(angle=4)
    for query in ("provider=lab", "provider=lab&function=solve&status=SUCCEEDED"):
        page = people.boss.get(f"/jobs/provider/?{query}")
        assert job in [each["id"] for each in page["results"]]
        assert page["results"][0]["program"]["provider"] == "lab"
    assert next(each["id"] for each in people.taster.get("/jobs/?function=solve&provider=lab")["results"]) == job
    assert people.boss.get("/jobs/?provider=lab")["results"] == []
    words = people.boss.get("/jobs/provider/?provider=lab&function=none", 404)["message"]
    assert words == "Qiskit Function lab/none doesn't exist."
    assert people.mate.get("/jobs/provider/?provider=lab", 404)["message"] == "Provider lab doesn't exist."
    words = people.boss.get("/jobs/provider/", 400)["message"]
    assert words == "'provider' not provided or is not valid"


def test_what_a_caller_is_told_of_a_failure_holds_nothing_of_the_code(people: People) -> None:
    job = people.mate.finished_job(angle=0)
    [error] = people.mate.get(f"/jobs/{job}/events/?type=ERROR")
    cause = error["data"]
    assert (cause["exception"], cause["code"]) == ("ZeroDivisionError", "user_exception")
    assert cause["message"] == "ZeroDivisionError: division by zero"
    assert "tell its provider, lab," in cause["args"]["hint"]
    by_result = people.mate.get(f"/jobs/{job}/?with_result=true")
    for answer in (error, by_result, people.mate.get(f"/jobs/{job}/logs/")):
        assert [secret for secret in (*SECRETS, "kitchen.py", "line ") if secret in json.dumps(answer)] == []
    own = people.boss.finished_job(angle=0)
    [error] = people.boss.get(f"/jobs/{own}/events/?type=ERROR")
    assert error["data"]["args"]["file"] == "private_recipe.py"


def test_those_who_may_run_or_see_the_function_see_nothing_of_its_program(people: People) -> None:
    job = people.mate.finished_job(angle=4)
    shown = [
        *(people.mate.get(path) for path in ("/programs/", "/programs/get_by_title/solve/?provider=lab")),
        people.guest.get("/programs/get_by_title/solve/?provider=lab"),
        people.mate.get(f"/jobs/{job}/"),
        people.mate.get(f"/jobs/{job}/?with_result=true"),
        people.mate.get(f"/jobs/{job}/events/"),
    ]
    found = shown[1]
    assert (found["artifact"], found["dependencies"], found["entrypoint"]) == (None, "[]", "main.py")
    assert [secret for secret in (*SECRETS, "kitchen", ".tar") if secret in json.dumps(shown)] == []
    assert people.boss.get("/programs/get_by_title/solve/?provider=lab")["entrypoint"] == "kitchen.py"


def test_lists_show_what_is_there_for_whom(people: People) -> None:
    assert people.stranger.upload(tar_of(main_py=""), title="own", entrypoint="main.py").status_code == 200
    for person in (people.boss, people.mate, people.taster):
        assert titles(person, "filter=catalog") == [("lab", "solve")]
    assert titles(people.guest) == [("lab", "solve")]
    assert titles(people.guest, "filter=catalog") == []
    assert titles(people.stranger) == [(None, "own")]
    assert titles(people.stranger, "filter=serverless") == [(None, "own")]
    assert titles(people.stranger, "filter=catalog") == []
    assert titles(people.mate, "provider=lab") == [("lab", "solve")]
    assert titles(people.mate, "provider=other") == []


def test_those_who_may_only_see_it_cannot_run_it_nor_keep_files_for_it(people: People) -> None:
    assert message(people.guest.run(), 404) == "Qiskit Function lab/solve doesn't exist."
    assert message(people.guest.http.get("/files/?function=solve&provider=lab"), 404)
    assert people.mate.get("/files/?function=solve&provider=lab") == {"results": []}
    assert people.boss.get("/files/provider/?function=solve&provider=lab") == {"results": []}
    words = message(people.mate.http.get("/files/provider/?function=solve&provider=lab"), 404)
    assert words == "Provider lab doesn't exist."


def test_a_trial_is_told_to_the_program_and_to_the_caller(people: People) -> None:
    job = people.taster.finished_job(angle=4)
    assert json.loads(people.taster.get(f"/jobs/{job}/result/")["result"])["trial"] == "True"
    assert people.taster.get(f"/jobs/{job}/")["business_model"] == "TRIAL"


def test_callers_run_the_version_that_the_lab_has_made_current_and_see_no_other(people: People) -> None:
    function_id = people.boss.get("/programs/get_by_title/solve/?provider=lab")["id"]
    path = f"/programs/{function_id}"
    before = people.boss.get(f"{path}/versions/")[0]["number"]
    newer = tar_of(kitchen_py=PROGRAM, private_recipe_py=RECIPE.replace("1 / angle", "2 / angle"))
    assert people.boss.upload(newer, version="2.0").status_code == 200
    job = people.mate.finished_job(angle=4)
    assert json.loads(people.mate.get(f"/jobs/{job}/result/")["result"])["answer"] == 0.5
    assert people.mate.get(f"/jobs/{job}/version/") == {"number": before + 1, "version": "2.0"}
    for hidden in ("versions/", "versions/1/files/", "versions/1/file/?path=kitchen.py"):
        words = people.mate.get(f"{path}/{hidden}", 404)
        assert words == {"message": f"Qiskit Function {function_id} doesn't exist."}
    assert people.mate.http.post(f"{path}/rollback/", json={"version": 1}).status_code == 404
    chosen = {"title": "solve", "provider": "lab", "arguments": "{}", "config": {}, "version": 1}
    words = message(people.mate.http.post("/programs/run/", json=chosen), 403)
    assert words == "Only those who may change lab/solve choose a version of it. Run it without naming one."
    assert people.boss.http.post("/programs/run/", json=chosen).status_code == 200
    assert people.boss.http.post(f"{path}/rollback/", json={"version": before}).status_code == 200
    job = people.mate.finished_job(angle=4)
    assert json.loads(people.mate.get(f"/jobs/{job}/result/")["result"])["answer"] == 0.25
    current = next(each for each in people.boss.get(f"{path}/versions/") if each["current_since"])
    assert (current["number"], current["author"], current["current_by"]) == (before, "boss", "boss")


def test_a_disabled_function_says_so_to_those_who_may_run_it(people: People) -> None:
    administer(people.platform, lambda opened: opened.publishing.disable(SOLVE, "The oven is being cleaned."))
    assert message(people.mate.run(angle=4), 423) == "The oven is being cleaned."
    assert message(people.stranger.run(angle=4), 404) == "Qiskit Function lab/solve doesn't exist."
    administer(people.platform, lambda opened: opened.publishing.enable(SOLVE))
    assert people.mate.run(angle=4).status_code == 200


def test_only_admins_upload_for_the_provider(people: People) -> None:
    for person, title in ((people.mate, "lab/solve"), (people.stranger, "lab/new"), (people.boss, "other/new")):
        words = message(person.upload(tar_of(main_py=""), title=title, entrypoint="main.py"), 404)
        assert words == f"Qiskit Function {title} doesn't exist."
    split = people.boss.upload(title="solve", provider="lab", description="Solves.")
    assert split.json()["description"] == "Solves."
    assert split.json()["entrypoint"] == "kitchen.py"


@pytest.mark.parametrize(
    ("who", "title", "image", "words"),
    [
        ("boss", "own", "i", "Custom images are only available if you are a provider."),
        ("boss", "other/x", "i", "other is not valid provider."),
        ("mate", "lab/x", "registry.example/lab/i", "lab is not valid provider."),
        ("boss", "lab/x", "registry.example/laboratory/i", "Custom images must be in registry.example/lab."),
        ("boss", "lab/x", "registry.example/lab/i:1", "The image registry.example/lab/i:1 cannot be run: the engines"),
    ],
)
def test_the_words_for_an_image(people: People, who: str, title: str, image: str, words: str) -> None:
    assert message(getattr(people, who).upload(title=title, image=image)).startswith(words)


def test_a_function_without_provider_has_no_private_lines(people: People) -> None:
    program = "print('[PUBLIC] a')\nprint('[PRIVATE] b')\nprint('c')"
    assert people.mate.upload(tar_of(main_py=program), title="plain", entrypoint="main.py").status_code == 200
    job = people.mate.run("plain", None).json()["id"]
    assert shown_in(people.mate.http.get(f"/jobs/{job}/stream/?logs=true").text) == "a\nb\nc\n"
    assert people.mate.get(f"/jobs/{job}/logs/") == {"logs": "a\nb\nc\n"}
    assert people.mate.get(f"/jobs/{job}/provider-logs/", 403)["message"] == f"You don't have access to job [{job}]"
    assert people.boss.get(f"/jobs/{job}/provider-logs/", 404)["message"] == f"Job [{job}] not found"


# What a caller without any rights sends to each route: enough to get past the checks of its form.
FIELDS = {
    "title": "solve",
    "provider": "lab",
    "arguments": "{}",
    "size": 10**7,
    "config": {},
    "entrypoint": "main.py",
    "version": "1",
    "sub_status": "MAPPING",
    "runtime_job": "q",
    "type": "ERROR",
    "exception": "E",
    "code": "1",
    "message": "m",
    "result": "{}",
}
QUERY = {"provider": "lab", "function": "solve", "file": "f", "path": "kitchen.py", "offset": "0"}
# Routes that answer everybody, with the platform's terms or what is the caller's own.
OWN = {
    "GET /api/v1/programs/",
    "GET /api/v1/dependencies-versions/",
    "GET /api/v1/compute-profiles/",
    "POST /api/v1/programs/run/upload/",
}
SEEN = {
    "GET /api/v1/programs/get_by_title/{title}/",
    "GET /api/v1/programs/{function_id}/get_jobs/",
    "GET /api/v1/jobs/",
}
"""Routes that also answer those who may see the function."""


@pytest.mark.parametrize(("who", "open_to"), [("stranger", OWN), ("guest", OWN | SEEN)])
def test_whatever_the_route_what_is_not_for_the_caller_does_not_exist(
    people: People, who: str, open_to: set[str]
) -> None:
    job = people.mate.finished_job(angle=4)
    function_id = people.mate.get("/programs/get_by_title/solve/?provider=lab")["id"]
    known = {
        "job_id": job,
        "title": "solve",
        "function_id": function_id,
        "version": "1",
        "attempt": "1",
        "space": "user",
        "digest": 64 * "0",
    }
    caller = getattr(people, who).http
    answers = {
        f"{method.upper()} {path}": sent(caller, method, people.platform.url + path.format_map(known))
        for path, operations in caller.get(f"{people.platform.url}/openapi.json").json()["paths"].items()
        for method in operations
        if path.startswith("/api/")
    }
    wrong = {
        route: (answer.status_code, answer.text)
        for route, answer in answers.items()
        if answer.status_code != (200 if route in open_to else 401 if " /api/runner/" in route else 404)
    }
    assert wrong == {}
    assert job not in "".join(answer.text for route, answer in answers.items() if route in open_to)


def sent(http: httpx2.Client, method: str, url: str) -> Any:
    if method in ("get", "delete"):
        return http.request(method.upper(), url, params=QUERY)
    if "/files/" in url:
        return http.request(method.upper(), url, params=QUERY, files={"file": ("f.txt", b"x")})
    fields = {**FIELDS, "type": "GENERIC"} if url.endswith("/upload/") else FIELDS
    return http.request(method.upper(), url, params=QUERY, json=fields, headers={"Idempotency-Key": "one of its own"})


def test_a_job_nobody_has_is_told_as_one_of_somebody_else(people: People) -> None:
    job = people.mate.finished_job(angle=4)
    for path in ("", "logs/", "provider-logs/", "result/", "events/", "stream/?logs=true"):
        unknown = people.stranger.get(f"/jobs/{UNKNOWN}/{path}", 404)["message"]
        assert people.stranger.get(f"/jobs/{job}/{path}", 404)["message"] == unknown.replace(UNKNOWN, job)


def test_a_membership_counts_from_the_next_request_on(people: People) -> None:
    assert message(people.newcomer.run(angle=4), 404)
    administer(people.platform, lambda opened: opened.accounts.add_members("mates", ["newcomer"]))
    job = people.newcomer.finished_job(angle=4)
    administer(people.platform, lambda opened: opened.accounts.remove_members("mates", ["newcomer"]))
    assert message(people.newcomer.run(angle=4), 404)
    assert people.newcomer.get(f"/jobs/{job}/logs/") == {"logs": PUBLIC_LOG}
    assert [each["id"] for each in people.newcomer.get("/jobs/?function=solve&provider=lab")["results"]] == [job]
