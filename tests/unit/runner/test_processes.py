"""Looking after processes. What needs a subreaper or a single thread runs in an interpreter of its own."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from treadle.runner.file_watch import FileWatch
from treadle.runner.processes import end_strays


def run(program: str) -> str:
    """Run a program in an interpreter of its own; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_descendants_are_ended_and_counted() -> None:
    program = """
        import os, signal, subprocess, sys
        from treadle.runner.processes import become_subreaper, children, end_children
        from treadle.runner.signals import SignalPipe

        become_subreaper()
        signals = SignalPipe(signal.SIGCHLD)
        ready, told = os.pipe()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            for _ in range(2):
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:
                        os.write(told, b"x")
                    signal.pause()
            signal.pause()
        os.read(ready, 1), os.read(ready, 1)
        reaped = []
        end_children(signals, lambda pid, status, usage: reaped.append(os.WTERMSIG(status)), 10.0)
        print(len(reaped), set(reaped) == {signal.SIGKILL}, children())
    """
    assert run(program) == "5 True []\n"


def test_signals_arrive_in_the_pipe() -> None:
    program = """
        import os, signal
        from treadle.runner.signals import SignalPipe

        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        os.kill(os.getpid(), signal.SIGTERM)
        pipe = SignalPipe(signal.SIGTERM, signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        print(sorted(pipe.read()) == [signal.SIGUSR1, signal.SIGTERM], pipe.read(), pipe.wait(0))
        pipe.close()
    """
    assert run(program) == "True set() set()\n"


def test_neither_zygote_nor_supervisor_forks_with_threads(tmp_path: Path) -> None:
    program = f"""
        import socket, threading
        from pathlib import Path
        from qiskit_serverless.forked import NotSingleThreadedError
        from treadle.runner.execution import ProgramProcess
        from treadle.runner.zygote import Zygote

        home = Path({str(tmp_path)!r})
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        control, _ = socket.socketpair()
        for fork in (lambda: Zygote(control, home)._fork(), lambda: ProgramProcess(home)):
            try:
                fork()
            except NotSingleThreadedError as error:
                print("has 2 threads" in str(error))
    """
    assert run(program) == "True\nTrue\n"


@pytest.mark.parametrize("sign", ["cwd", "output", "environment"])
def test_strays_are_found_by_what_they_touch(tmp_path: Path, sign: str) -> None:
    folder = tmp_path / "job.1"
    (folder / "work").mkdir(parents=True)
    with (folder / "program.log").open("w") as log:
        stray = subprocess.Popen(
            ["sleep", "1000"],
            cwd=folder / "work" if sign == "cwd" else "/",
            stdout=log if sign == "output" else subprocess.DEVNULL,
            env={"TMPDIR": f"{folder}/tmp"} if sign == "environment" else {},
        )
    bystander = subprocess.Popen(
        ["sleep", "1000"], cwd=tmp_path, env={"X": f"{folder}0/tmp"}, stdout=subprocess.DEVNULL
    )
    end_strays(folder)

    assert stray.wait(10) == -9
    assert psutil.Process(bystander.pid).status() != psutil.STATUS_ZOMBIE
    bystander.kill()
    bystander.wait()


def test_a_file_that_is_written_to_wakes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.touch()
    watch = FileWatch(path)
    os.set_blocking(watch.fileno(), False)
    with pytest.raises(BlockingIOError):
        os.read(watch.fileno(), 4096)
    path.write_text("x")
    assert len(os.read(watch.fileno(), 4096)) > 0
    path.write_text("y")
    watch.drain()
    watch.drain()
    watch.close()


def test_a_file_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="inotify_add_watch"):
        FileWatch(tmp_path / "nothing")
