"""Running uv: apart from the event loop, within a time, in an environment of variables of its own."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PASSED_ON = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "NETRC"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT", "REQUESTS_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    }
)
# These would have uv take another interpreter, or another folder, than it is told to.
_KEPT_BACK = ("UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_PROJECT", "UV_WORKING_DIR", "UV_TARGET", "UV_PREFIX")
# uv does not read pip's settings; who has set only these means all installers.
_OF_PIP = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX", "PIP_CERT": "SSL_CERT_FILE"}


class TimeIsUpError(Exception):
    """A command took longer than it may."""


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended.

    Attributes:
        code: Its exit code.
        output: What it printed.
    """

    code: int
    output: str


def uv_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables uv runs with: those of the operator that say where packages come from, and how they are fetched."""
    passed_on = {
        name: value
        for name, value in variables.items()
        if name in _PASSED_ON or (name.startswith("UV_") and not name.startswith(_KEPT_BACK))
    }
    of_pip = {ours: variables[theirs] for theirs, ours in _OF_PIP.items() if theirs in variables}
    return {**of_pip, **passed_on, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}


def uv_command(*arguments: str) -> list[str]:
    """Return the command line of uv with these arguments."""
    from uv import find_uv_bin  # late: most platforms never need it

    return [find_uv_bin(), *arguments]


async def run(command: Sequence[str], folder: Path, log: Path, seconds: float, variables: Mapping[str, str]) -> Done:
    """Run a command and return how it ended. It is killed, with its children, when the time is up or the caller is cancelled.

    Args:
        command: The command line.
        folder: Its working directory.
        log: File that gets what it prints, after what it holds already.
        seconds: The longest it may take.
        variables: Its environment variables.

    Raises:
        TimeIsUpError: It took longer.
    """
    with log.open("ab") as output:
        begin = output.tell()
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=dict(variables),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(seconds):
            code = await process.wait()
    except TimeoutError:
        raise TimeIsUpError(f"{Path(command[0]).name} was ended after {seconds:.0f} s, its time limit") from None
    finally:
        await _end(process)
    return Done(code, await asyncio.to_thread(_text_after, log, begin))


def _text_after(log: Path, begin: int) -> str:
    return log.read_bytes()[begin:].decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """See that neither a process nor a child of it goes on."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
