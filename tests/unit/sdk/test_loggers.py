"""Loggers of providers' functions: a mark on each line, on standard error."""

import subprocess
import sys


def run(program: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def test_each_line_is_marked_for_its_reader() -> None:
    printed, marked = run(
        "from qiskit_serverless import get_logger, get_provider_logger\n"
        "get_logger().info('one\\ntwo %s', 2)\n"
        "get_provider_logger().warning('secret')\n"
        "get_logger().debug('too much')\n"
    )
    assert printed == ""
    assert marked == "[PUBLIC] INFO: one\n[PUBLIC] INFO: two 2\n[PRIVATE] WARNING: secret\n"


def test_tracebacks_are_marked_too_and_nothing_is_said_twice() -> None:
    _, marked = run(
        "import logging; logging.basicConfig()\n"
        "from qiskit_serverless import get_provider_logger\n"
        "assert get_provider_logger() is get_provider_logger()\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: get_provider_logger().exception('broken')\n"
    )
    lines = marked.splitlines()
    assert lines[0] == "[PRIVATE] ERROR: broken"
    assert lines[-1] == "[PRIVATE] ERROR: ZeroDivisionError: division by zero"
    assert all(line.startswith("[PRIVATE] ERROR: ") for line in lines)
    assert marked.count("broken") == 1
