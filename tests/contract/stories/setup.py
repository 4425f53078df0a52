"""What a story needs: the gateway, a way in, programs, and a folder."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from recording import public_methods
from requests import RequestException

from qiskit_serverless import QiskitFunction, QiskitServerlessException, ServerlessClient

RELEASE = version("qiskit-serverless")


@dataclass
class Setup:
    """
    Attributes:
        client: Arguments of the client.
        programs: Folder of the programs; a copy of one's own, for a client packs its archive inside this folder.
        folder: An empty folder.
        suffix: What makes titles one's own.
        details: More, for some stories.
    """

    client: dict[str, str]
    programs: str
    folder: str
    suffix: str
    details: dict[str, Any]

    def connect(self, **changes: str) -> ServerlessClient:
        return ServerlessClient(**{**self.client, **changes})

    def title(self, name: str) -> str:
        return f"{name}-{self.suffix}"

    def function(self, name: str, **fields: Any) -> QiskitFunction:
        """A function with the program ``<name>.py``."""
        return QiskitFunction(
            **{"title": self.title(name), "entrypoint": f"{name}.py", "working_dir": self.programs, **fields}
        )


def has(method: str) -> bool:
    """Tell whether this release has a method, such as ``job.events``."""
    return method in public_methods()


def refusal(call: Callable[[], object]) -> str:
    """Return the words of the client when a call is refused."""
    try:
        call()
    except (QiskitServerlessException, RequestException) as error:  # a client raises the latter for files
        return str(error)
    return "it was not refused"
