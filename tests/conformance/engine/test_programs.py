"""How programs run and end."""

import errno
import json
import signal
from pathlib import Path

import pytest

from tests.conformance.engine.running_engine import RunningEngine
from tests.conformance.runner_gateway import tar_of
from treadle.domain.outcome import Ending


def test_hello_world(engine: RunningEngine) -> None:
    job, outcome = engine.finish("print('hello, world')")

    assert job.text == "hello, world\n"
    assert (outcome.ending, outcome.exit_code, outcome.signal, outcome.failure) == (Ending.EXITED, 0, None, None)
    assert not outcome.has_result
    assert job.result is None
    assert outcome.wall_seconds > 0
    assert outcome.cpu_seconds > 0
    assert outcome.peak_memory > 10_000_000


def test_arguments_stages_and_result(engine: RunningEngine) -> None:
    program = """
        from qiskit_serverless import get_arguments, save_result, update_status, Job

        update_status(Job.MAPPING)
        number = get_arguments()["number"]
        update_status(Job.POST_PROCESSING)
        save_result({"twice": 2 * number})
    """
    job, outcome = engine.finish(program, b'{"number": 21}')

    assert job.stages == ["MAPPING", "POST_PROCESSING"]
    assert outcome.has_result
    assert job.result is not None
    assert json.loads(job.result) == {"twice": 42}
    assert job.calls[-2:] == ["result", "finished"]
    assert job.calls.index("started") < job.calls.index("status")


def test_a_result_is_kept_although_the_program_fails_later(engine: RunningEngine) -> None:
    program = """
        from qiskit_serverless import save_result
        save_result(1)
        raise RuntimeError("too late")
    """
    job, outcome = engine.finish(program)

    assert job.result == b"1"
    assert outcome.has_result
    assert outcome.failure is not None
    assert outcome.failure.type == "RuntimeError"


def test_an_exception_is_told_with_file_and_line(engine: RunningEngine) -> None:
    files = {
        "main.py": "import steps.first\nsteps.first.divide(0)\n",
        "steps/first.py": "def divide(by):\n    import json\n    return json.loads('[' * by) if by else 1 / by\n",
    }
    job, outcome = engine.finish(files)

    failure = outcome.failure
    assert failure is not None
    assert (outcome.exit_code, failure.type, failure.message) == (1, "ZeroDivisionError", "division by zero")
    assert (failure.file, failure.line) == ("steps/first.py", 3)
    assert "return json.loads" in failure.traceback
    assert job.text.startswith("Traceback (most recent call last):\n")
    assert job.text.endswith("ZeroDivisionError: division by zero\n")
    assert job.text.count("File ") == 2, "the log shows the user's frames only"
    assert "treadle/runner" not in job.text + failure.traceback


def test_an_exception_inside_a_library_is_placed_in_the_users_code(engine: RunningEngine) -> None:
    _, outcome = engine.finish("import json\n\njson.loads('nonsense')\n")

    assert outcome.failure is not None
    assert outcome.failure.type == "json.decoder.JSONDecodeError"
    assert (outcome.failure.file, outcome.failure.line) == ("main.py", 3)


def test_an_exception_whose_text_cannot_be_made(engine: RunningEngine) -> None:
    program = """
        class Mute(Exception):
            def __str__(self):
                raise ValueError("no")
        raise Mute
    """
    _, outcome = engine.finish(program)

    assert outcome.failure is not None
    assert outcome.failure.type == "Mute"
    assert "str() failed" in outcome.failure.message


def test_a_very_long_exception_is_shortened(engine: RunningEngine) -> None:
    _, outcome = engine.finish("raise ValueError('ü' * 1_000_000 + 'end')")

    assert outcome.failure is not None
    assert "characters left out" in outcome.failure.message
    assert outcome.failure.message.endswith("end")


def test_a_syntax_error(engine: RunningEngine) -> None:
    job, outcome = engine.finish("print('never')\nif True\n    pass\n")

    assert outcome.failure is not None
    assert (outcome.failure.type, outcome.failure.file, outcome.failure.line) == ("SyntaxError", "main.py", 2)
    assert "never" not in job.text
    assert "SyntaxError: expected ':'" in job.text


def test_a_missing_package(engine: RunningEngine) -> None:
    _, outcome = engine.finish("import no_such_package.part")

    assert outcome.failure is not None
    assert outcome.failure.type == "ModuleNotFoundError"
    assert outcome.failure.details == {"module": "no_such_package"}


def test_a_result_that_cannot_be_stored(engine: RunningEngine) -> None:
    program = """
        from qiskit_serverless import save_result
        save_result({"a": [0, object()]})
    """
    _, outcome = engine.finish(program)

    assert outcome.failure is not None
    assert outcome.failure.details == {"path": 'result["a"][1]'}
    assert not outcome.has_result


def test_an_operating_system_error_carries_its_number(engine: RunningEngine) -> None:
    _, outcome = engine.finish("open('no such file')")

    assert outcome.failure is not None
    assert outcome.failure.details == {"errno": errno.ENOENT}


def test_a_missing_entrypoint(engine: RunningEngine) -> None:
    job, outcome = engine.finish({"other.py": "", "data/x.txt": ""})

    assert outcome.ending is Ending.NOT_STARTED
    assert outcome.failure is not None
    assert outcome.failure.message == "the artifact has no file 'main.py'; it holds: data, other.py"
    assert "started" not in job.calls


@pytest.mark.parametrize("entrypoint", ["../../../etc/passwd", "data"])
def test_an_entrypoint_that_is_no_file_of_the_artifact(engine: RunningEngine, entrypoint: str) -> None:
    _, outcome = engine.finish({"data/main.py": ""}, entrypoint=entrypoint)

    assert outcome.ending is Ending.NOT_STARTED


def test_a_function_without_artifact(engine: RunningEngine) -> None:
    job = engine.gateway.add(None)
    engine.start(job)

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert outcome.ending is Ending.NOT_STARTED
    assert outcome.failure is not None
    assert "without a program" in outcome.failure.message
    engine.assert_nothing_left(job)


def test_an_artifact_that_is_gone_from_the_gateway(engine: RunningEngine) -> None:
    job = engine.gateway.add(tar_of({"main.py": "'lost'"}))
    launch = engine.launch(job)
    job.artifact = None
    engine.call(engine.engine.start(launch))

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert outcome.ending is Ending.NOT_STARTED
    assert outcome.failure is not None
    assert outcome.failure.message == "not here"


def test_an_artifact_that_is_not_a_tar_file(engine: RunningEngine) -> None:
    job = engine.gateway.add(b"hello")
    engine.start(job)

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert outcome.ending is Ending.NOT_STARTED
    assert outcome.failure is not None
    assert "cannot be unpacked" in outcome.failure.message


@pytest.mark.parametrize(
    ("program", "code", "log"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit('that was it')", 1, "that was it\n"),
        ("import os; os._exit(4)", 4, ""),
        ("import os; print('lost', end=''); os._exit(0)", 0, ""),
        ("print('no line end', end='')", 0, "no line end"),
        ("import atexit; atexit.register(print, 'handler')\nprint('main')", 0, "main\nhandler\n"),
        ("import sys; sys.stdout.close()", 0, ""),
        ("import sys; sys.stderr.write('error\\n'); print('out')", 0, "error\nout\n"),
        ("print('\\udcff')", 0, "\\udcff\n"),
        ("print(__name__, __file__[-8:], __builtins__ is not None)", 0, "__main__ /main.py True\n"),
        ("if __name__ == '__main__': raise SystemExit(2.5)", 1, "2.5\n"),
    ],
)
def test_ends_as_in_plain_python(engine: RunningEngine, program: str, code: int, log: str) -> None:
    job, outcome = engine.finish(program)

    assert (outcome.ending, outcome.exit_code, outcome.signal, outcome.failure) == (Ending.EXITED, code, None, None)
    assert job.text == log


def test_threads_that_are_left_running_are_waited_for(engine: RunningEngine) -> None:
    program = """
        import threading

        started = threading.Event()

        def work():
            started.wait()
            threading.main_thread().join()
            print("the thread ends last")

        threading.Thread(target=work).start()
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        started.set()
        print("the program ends")
    """
    job, outcome = engine.finish(program)

    assert outcome.exit_code == 0
    assert job.text == "the program ends\nthe thread ends last\n"


def test_an_exception_hook_of_the_program_is_used(engine: RunningEngine) -> None:
    program = """
        import sys
        sys.excepthook = lambda kind, error, trace: print("hook:", kind.__name__, error, trace.tb_lineno)
        raise ValueError("x")
    """
    job, outcome = engine.finish(program)

    assert job.text == "hook: ValueError x 4\n"
    assert outcome.failure is not None
    assert outcome.failure.line == 4


def test_an_exception_in_a_process_the_program_forked_is_not_the_programs(engine: RunningEngine) -> None:
    program = """
        import os
        child = os.fork()
        if child == 0:
            raise ValueError("the child's own")
        _, status = os.waitpid(child, 0)
        print("child:", os.waitstatus_to_exitcode(status))
    """
    job, outcome = engine.finish(program)

    assert outcome.failure is None
    assert outcome.exit_code == 0
    assert "ValueError: the child's own" in job.text
    assert job.text.endswith("child: 1\n")


def test_a_segmentation_fault(engine: RunningEngine) -> None:
    job, outcome = engine.finish("print('before')\nimport ctypes\nctypes.string_at(0)\n")

    assert (outcome.exit_code, outcome.signal) == (None, signal.SIGSEGV)
    assert job.text.startswith("before\n")
    assert "Fatal Python error: Segmentation fault" in job.text
    assert "main.py" in job.text


def test_a_program_that_is_killed(engine: RunningEngine) -> None:
    job = engine.submit("print('ready')\nimport signal\nsignal.pause()\n")
    engine.printed(job, "ready")
    engine.program(job).kill()

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert (outcome.ending, outcome.exit_code, outcome.signal) == (Ending.EXITED, None, signal.SIGKILL)
    assert job.text == "ready\n"
    engine.assert_nothing_left(job)


def test_background_processes_end_with_the_program(engine: RunningEngine) -> None:
    program = """
        import os, subprocess, sys

        def daemon():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.chdir("/")
                    print("daemon", os.getpid())
                    subprocess.Popen(["sleep", "1000"]).wait()
                os._exit(0)
            os.wait()

        daemon()
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
        subprocess.Popen([sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()"])
    """
    _, outcome = engine.finish(program)

    assert outcome.exit_code == 0


def test_garbage_on_the_report_channel_is_harmless(engine: RunningEngine) -> None:
    program = """
        import json, os
        channel = int(os.environ["TREADLE_REPORT_FD"])
        for text in ("nonsense", "[" * 100_000, "{}", "[]", '{"type": "status"}', '{"type": "status", "sub_status": 7}',
                     '{"type": "failure", "failure": 3}', '{"type": "failure", "failure": {"details": {"errno": "x"}}}'):
            os.write(channel, text.encode())
        os.write(channel, json.dumps({"type": "status", "sub_status": "MAPPING"}).encode())
        os.close(channel)
    """
    job, outcome = engine.finish(program)

    assert job.stages == ["MAPPING"]
    assert outcome.exit_code == 0


@pytest.mark.parametrize("nonsense", ["b'nonsense'", "b'[1]'", "b'{}'", "b'{\"fork\": 1}'", 'b\'{"kill": "x"}\''])
def test_garbage_on_the_workers_channel_is_harmless(engine: RunningEngine, nonsense: str) -> None:
    program = f"""
        import os
        from qiskit_serverless import save_result
        os.write(int(os.environ["TREADLE_WORKERS_FD"]), {nonsense})
        save_result("goes on")
    """
    job, outcome = engine.finish(program)

    assert (outcome.exit_code, job.result) == (0, b'"goes on"')


def test_the_files_of_a_program_are_its_own(engine: RunningEngine) -> None:
    files = {
        "main.py": """
            import os, tempfile
            from pathlib import Path
            print(Path("pkg/data.txt").read_text(), os.access("run.sh", os.X_OK))
            Path("pkg/data.txt").write_text("changed")
            Path("new").symlink_to("/etc")
            for _ in range(20):
                os.mkdir("d"); os.chdir("d")
            os.mkdir("locked"); os.chmod("locked", 0)
            assert tempfile.gettempdir() == os.environ["TMPDIR"]
            print(Path(tempfile.mkdtemp()).parent.name)
        """,
        "pkg/data.txt": "data",
        "run.sh": "",
    }
    first, _ = engine.finish(files)
    second, _ = engine.finish(files)

    assert first.text == second.text == "data False\ntmp\n"
    assert second.calls.count("artifact") == 0, "the second time it comes from the cache"
    assert Path("/etc/passwd").exists()


def test_a_program_in_a_folder_imports_from_there_and_from_the_top(engine: RunningEngine) -> None:
    files = {
        "jobs/main.py": "import beside, above\nprint(beside.WHO, above.WHO)",
        "jobs/beside.py": "WHO = 'beside'",
        "above.py": "WHO = 'above'",
    }
    job, _ = engine.finish(files, entrypoint="jobs/main.py")

    assert job.text == "beside above\n"
