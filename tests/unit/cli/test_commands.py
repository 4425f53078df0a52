"""The commands that talk to a platform, from a terminal and from a script."""

import json
import signal
from pathlib import Path

import pytest

from tests.running_platform import RunningPlatform, clean_environment
from tests.unit.cli.command import start_treadle, treadle

GREET = """\
from qiskit_serverless import Job, get_arguments, save_result, update_status

name = get_arguments()["name"]
print(f"looking for {name}")
update_status(Job.MAPPING)
print(f"Hello, {name}!")
save_result({"greeting": f"Hello, {name}!", "seen": (1, 2)})
"""
FAIL = """\
print("so far so good")
raise ValueError("no such molecule: unobtainium")
"""
WAIT = """\
import signal

print("waiting", flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def uploaded(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> RunningPlatform:
    """A platform that has the functions cli-greet, cli-fail and cli-wait."""
    folder = tmp_path_factory.mktemp("programs")
    for name, text in {"cli-greet": GREET, "cli-fail": FAIL, "cli-wait": WAIT}.items():
        (folder / f"{name}.py").write_text(text)
        done = treadle(platform, "function", "upload", folder / f"{name}.py")
        assert done.returncode == 0, done.stderr
    return platform


def test_a_function_that_was_uploaded_is_listed_and_shown(uploaded: RunningPlatform) -> None:
    listed = json.loads(treadle(uploaded, "function", "list", "--json").stdout)
    shown = json.loads(treadle(uploaded, "function", "show", "cli-greet", "--json").stdout)
    for_people = treadle(uploaded, "function", "show", "cli-greet").stdout

    assert {"cli-greet", "cli-fail", "cli-wait"} <= {function["title"] for function in listed}
    assert shown["title"] == "cli-greet"
    assert shown["entrypoint"] == "cli-greet.py"
    assert "entrypoint        cli-greet.py" in for_people


def test_a_folder_is_uploaded_with_all_its_settings(platform: RunningPlatform, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import helper, os\nhelper.save(os.environ['UNIT'])\n")
    (tmp_path / "helper.py").write_text(
        "from qiskit_serverless import save_result\ndef save(unit):\n    save_result({'unit': unit})\n"
    )
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object"}')

    done = treadle(
        platform, "function", "upload", tmp_path, "--title", "cli-folder", "--env", "UNIT=hartree",
        "--description", "Two files", "--version", "1.2.0", "--arguments-schema", schema, "--json",
    )  # fmt: skip
    job = treadle(platform, "run", "cli-folder").stdout.strip()
    result = treadle(platform, "job", "result", job, "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) | {"dependencies": None} == {
        "title": "cli-folder",
        "entrypoint": "main.py",
        "label": "1.2.0",
        "description": "Two files",
        "dependencies": None,
        "arguments_schema": {"type": "object"},
        "sizes": None,
        "default_size": None,
    }
    assert json.loads(result.stdout) == {"unit": "hartree"}


def test_a_job_from_the_command_that_runs_it_to_its_result(uploaded: RunningPlatform) -> None:
    job = treadle(uploaded, "run", "cli-greet", "-a", "name=Ada").stdout.strip()

    result = treadle(uploaded, "job", "result", job)
    assert json.loads(result.stdout)["greeting"] == "Hello, Ada!"
    assert treadle(uploaded, "job", "status", job).stdout == "DONE\n"
    assert treadle(uploaded, "job", "logs", job).stdout == "looking for Ada\nHello, Ada!\n"
    [row] = [
        row
        for row in json.loads(treadle(uploaded, "job", "list", "--function", "cli-greet", "--json").stdout)
        if row["job"] == job
    ]
    assert row["status"] == "DONE"
    assert row["function"] == "cli-greet"
    assert job in treadle(uploaded, "job", "list", "--status", "DONE").stdout
    assert job not in treadle(uploaded, "job", "list", "--status", "ERROR").stdout


def test_jobs_are_listed_by_a_status_that_exists(uploaded: RunningPlatform) -> None:
    job = treadle(uploaded, "run", "cli-greet", "-f", "--json", "-a", "name=Ada").stdout
    job_id = json.loads(job.partition("\n")[0])["job"]
    assert job_id in treadle(uploaded, "job", "list", "--status", "done").stdout
    refused = treadle(uploaded, "job", "list", "--status", "FINISHED")
    assert refused.returncode == 2
    assert "'FINISHED' is no status of a job. There are: QUEUED, " in refused.stderr


def test_following_shows_statuses_log_and_result_as_they_come(uploaded: RunningPlatform) -> None:
    done = treadle(uploaded, "run", "cli-greet", "--follow", "-a", "name=Grace")

    assert done.returncode == 0
    assert done.stdout.startswith("looking for Grace\nHello, Grace!\n{\n")
    assert json.loads(done.stdout.partition("Hello, Grace!\n")[2])["greeting"] == "Hello, Grace!"
    statuses = done.stderr.splitlines()[1:]
    assert statuses == ["QUEUED", "INITIALIZING", "RUNNING", "RUNNING: MAPPING", "DONE"]


def test_a_program_that_follows_reads_one_document_per_line(uploaded: RunningPlatform) -> None:
    done = treadle(uploaded, "run", "cli-greet", "--follow", "--json", "-a", "name=Grace")

    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert "job" in documents[0]
    assert "".join(document.get("log", "") for document in documents) == "looking for Grace\nHello, Grace!\n"
    assert [document["status"] for document in documents if "status" in document][-1] == "DONE"
    assert documents[-1]["result"]["greeting"] == "Hello, Grace!"
    assert done.stderr == ""


def test_a_job_that_fails_says_why_in_a_line_and_ends_with_1(uploaded: RunningPlatform) -> None:
    followed = treadle(uploaded, "run", "cli-fail", "--follow")
    job = followed.stderr.splitlines()[0].split()[1]
    asked = treadle(uploaded, "job", "result", job)

    assert followed.returncode == asked.returncode == 1
    assert followed.stdout.startswith("so far so good\n")
    for text in (followed.stderr, asked.stderr):
        assert "Error: ValueError: no such molecule: unobtainium (in cli-fail.py, line 2)" in text
        assert "Hint: " in text
        assert "treadle/cli" not in text
    assert treadle(uploaded, "job", "status", job).stdout == "ERROR\n"


def test_a_job_is_cancelled(uploaded: RunningPlatform) -> None:
    job = treadle(uploaded, "run", "cli-wait").stdout.strip()
    with start_treadle(uploaded, "job", "logs", "-f", job) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "waiting\n"  # it runs
        cancelled = treadle(uploaded, "job", "cancel", job)

    assert cancelled.returncode == 0
    assert follower.returncode == 0
    assert treadle(uploaded, "job", "status", job).stdout == "CANCELED\n"
    result = treadle(uploaded, "job", "result", job)
    assert result.returncode == 1
    assert "cancelled" in result.stderr


def test_ctrl_c_leaves_a_followed_job_running_and_says_how_to_find_it(uploaded: RunningPlatform) -> None:
    with start_treadle(uploaded, "run", "cli-wait", "--follow") as follower:
        assert follower.stdout is not None
        assert follower.stderr is not None
        assert follower.stdout.readline() == "waiting\n"
        follower.send_signal(signal.SIGINT)
        told = follower.stderr.read()

    assert follower.returncode == 130
    job = told.splitlines()[0].split()[1]
    assert f"treadle job logs -f {job}" in told
    assert "Traceback" not in told
    assert treadle(uploaded, "job", "status", job).stdout == "RUNNING\n"
    assert treadle(uploaded, "job", "cancel", job).returncode == 0


UNKNOWN_JOB = "01234567-89ab-7def-8123-456789abcdef"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run", "nobody-wrote-this"), 3, "Qiskit Function nobody-wrote-this doesn't exist."),
        (("function", "show", "nobody-wrote-this"), 3, "doesn't exist"),
        (("job", "status", UNKNOWN_JOB), 3, f"Job [{UNKNOWN_JOB}] not found"),
        (("job", "logs", "-f", UNKNOWN_JOB), 3, "not found"),
        (("job", "cancel", UNKNOWN_JOB), 3, "not found"),
        (("run", "cli-greet", "-a", "name"), 2, "'name' is not of the form key=value"),
        (("run", "cli-greet", "-a", "x=@/nowhere/x.npy"), 2, "x=@/nowhere/x.npy: No such file"),
        (("function", "upload", "/nowhere/x.py"), 2, "/nowhere/x.py"),
        (("function", "upload", "/dev/null"), 2, "entrypoint"),
        (("job", "list", "--limit", "0"), 2, "--limit"),
        (("jobs",), 2, "Did you mean 'job'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_is_wrong_is_told_in_a_line_and_by_the_exit_code(
    arguments: tuple[str, ...], code: int, words: str, uploaded: RunningPlatform
) -> None:
    done = treadle(uploaded, *arguments)

    assert done.returncode == code
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_syntax_error_is_found_before_anything_is_uploaded(platform: RunningPlatform, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("print('fine')\ndef (:\n")

    done = treadle(platform, "function", "upload", tmp_path / "broken.py")

    assert done.returncode == 2
    assert "broken.py, line 2" in done.stderr


@pytest.mark.parametrize("programs", [(), ("a.py", "b.py")])
def test_a_folder_that_does_not_say_which_program_is_refused(
    programs: tuple[str, ...], platform: RunningPlatform, tmp_path: Path
) -> None:
    for name in programs:
        (tmp_path / name).touch()

    done = treadle(platform, "function", "upload", tmp_path)

    assert done.returncode == 2
    assert "--entrypoint" in done.stderr
    assert all(name in done.stderr for name in programs)


def test_a_wrong_token_is_refused(platform: RunningPlatform) -> None:
    done = treadle({**platform.environment, "TREADLE_TOKEN": "wrong"}, "job", "list")

    assert done.returncode == 4
    assert "TREADLE_TOKEN" in done.stderr


def test_names_of_variables_that_other_clients_use_are_understood(platform: RunningPlatform, tmp_path: Path) -> None:
    variables = {
        **clean_environment(),
        "TREADLE_HOME": str(tmp_path),
        "ENV_GATEWAY_PROVIDER_HOST": platform.url,
        "ENV_GATEWAY_PROVIDER_TOKEN": platform.token,
    }

    assert treadle(variables, "function", "list", "--json").returncode == 0


def test_the_platform_of_the_home_folder_is_found(platform: RunningPlatform) -> None:
    variables = {**clean_environment(), "TREADLE_HOME": str(platform.home)}

    assert treadle(variables, "function", "list", "--json").returncode == 0


@pytest.mark.parametrize(
    "variables",
    [{}, {"TREADLE_HOST": "http://127.0.0.1:9", "TREADLE_TOKEN": "any"}],
    ids=["nothing runs here", "nobody answers there"],
)
def test_no_platform_is_told_with_what_to_do(variables: dict[str, str], tmp_path: Path) -> None:
    done = treadle({**clean_environment(), "TREADLE_HOME": str(tmp_path), **variables}, "job", "list")

    assert done.returncode == 5
    assert "treadle up" in done.stderr
    assert "Traceback" not in done.stderr
