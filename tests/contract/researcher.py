"""A person with a client from PyPI: a process in that client's environment which tells stories when asked."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.contract.environments import client_python
from tests.running_platform import RunningPlatform

HERE = Path(__file__).parent

# How each release may be let in. Up to 0.18 a client knew no channels; up to 0.24 the default one forbade an instance.
_INSTANCE = "an_awesome_crn"
_LOCAL = {"channel": "local"}
_CHANNELS: dict[str, list[dict[str, str]]] = {
    "0.18.1": [{}],
    "0.24.0": [{}, _LOCAL, {"channel": "ibm_cloud", "instance": _INSTANCE}],
}
_CHANNELS_TODAY = [{"instance": _INSTANCE}, _LOCAL, {"channel": "ibm_cloud", "instance": _INSTANCE}]


class StoryFailedError(Exception):
    """The client raised what the story did not expect."""


class Researcher:
    """Tells stories with one release of the client.

    Attributes:
        release: Version of ``qiskit-serverless``.
        channels: Arguments with which this release may be let in; the first are its default channel's.
        mark: Makes names on a platform this researcher's own: a test worker may have several of one release, one after the other.
    """

    def __init__(self, release: str, home: Path) -> None:
        self.release = release
        self.channels = _CHANNELS.get(release, _CHANNELS_TODAY)
        self.mark = f"{release}-{home.name}".replace(".", "-")
        self._home = home
        self._process = subprocess.Popen(
            [client_python(release), "-I", "-W", "ignore", HERE / "stories"],
            env={"HOME": str(home), "PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(
        self, story: str, platform: RunningPlatform, channel: dict[str, str] | None = None, **details: Any
    ) -> dict[str, Any]:
        """Return what the client showed (``seen``) and which of its public methods were called (``called``).

        Raises:
            StoryFailedError: With the client's traceback.
        """
        folder = self._home / story / str(len(list(self._home.glob(f"{story}/*"))))
        programs = shutil.copytree(HERE / "programs", folder / "programs")
        (folder / "desk").mkdir()
        request = {
            "story": story,
            "client": {"host": platform.url, "token": platform.token, **(channel or self.channels[0])},
            "programs": str(programs),
            "folder": str(folder / "desk"),
            "suffix": f"{self.mark}-{folder.name}",
            "details": details,
        }
        return self._ask(request)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise StoryFailedError(f"the client's process ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise StoryFailedError(f"{request['story']} with {self.release}:\n{answer['error']}")
        return answer

    def leave(self) -> None:
        """End the process."""
        self._process.communicate()
