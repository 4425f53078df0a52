"""Clients that older releases had beside the client of a gateway."""

from typing import NoReturn

from qiskit_serverless.exceptions import QiskitServerlessException
from qiskit_serverless.sync.client import ServerlessClient
from qiskit_serverless.sync.job_calls import JobCalls

BaseClient = ServerlessClient
"""What all clients are, under its old name."""

JobService = JobCalls
"""What a job needs of a client, under its old name."""


class LocalClient(ServerlessClient):
    """A client that needs no gateway: it runs functions on this machine, on the platform of the home folder.

    The platform is started when none runs; see `ServerlessClient.local`.
    """

    def __init__(self) -> None:
        """Find the platform, or start it.

        Raises:
            PlatformNotFoundError: It cannot be started here; the message says why.
        """
        from qiskit_serverless.embedded import ensure_platform

        endpoint = ensure_platform()
        super().__init__(endpoint.url, token=endpoint.token)


class RayClient(ServerlessClient):
    """A client that handed functions straight to a Ray cluster, in releases up to 0.24. It is no more."""

    def __init__(self, host: str) -> NoReturn:
        """Say what to do instead.

        Raises:
            QiskitServerlessException: Always.
        """
        raise QiskitServerlessException(
            f"RayClient({host!r}): functions are not handed straight to a Ray cluster any more. Use ServerlessClient(), or "
            "LocalClient() for this machine; a function that needs Ray itself names it among its dependencies."
        )
