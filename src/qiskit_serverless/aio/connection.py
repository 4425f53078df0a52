"""What a client is made of first: where its gateway is, what it lets us in with, and the way there."""

import os
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from qiskit_serverless.aio.transport import AsyncTransport
from qiskit_serverless.connections import Channel, given
from qiskit_serverless.encodings import CONTAINED, ENCODING_HEADER, LOCATED, LOCATION_HEADER, TAGGED
from qiskit_serverless.exceptions import AccessError, InvalidArgumentError
from qiskit_serverless.platform import find_platform

if TYPE_CHECKING:
    import httpx2

_VERSION = "v1"
_CHANNELS = [channel.value for channel in Channel]


class AsyncConnection:
    """A connection to a gateway.

    Attributes:
        host: Base URL of the gateway.
        version: Version of its interface.
        token: The bearer token it lets us in with.
        instance: IBM Cloud CRN, None without.
        channel: How the gateway shall check the token, None for its default.
    """

    def __init__(
        self,
        host: str | None = None,
        version: str | None = None,
        token: str | None = None,
        instance: str | None = None,
        channel: str | None = None,
        *,
        name: str | None = None,
        verbose: bool | None = None,
        transport: "httpx2.AsyncBaseTransport | None" = None,
    ) -> None:
        """Connect, and see that the token is good.

        Args:
            host: Base URL of the gateway, found by itself if left out.
            version: Version of its interface.
            token: Bearer token, found by itself if left out.
            instance: IBM Cloud CRN, for gateways that ask for one.
            channel: ``ibm_quantum_platform``, ``ibm_cloud`` or ``local``.
            name: Of no meaning; releases before 0.35 asked for it.
            verbose: Of no meaning; release 0.18 had it.
            transport: For tests: what sends the requests instead of a pool of connections.

        Raises:
            PlatformNotFoundError: There is no host, or no token for it.
            InvalidArgumentError: The host is not a URL, or the channel is unknown.
            GatewayConnectionError: No gateway answers there.
            AccessError: The token is not good.
        """
        if channel is not None and channel not in _CHANNELS:
            raise InvalidArgumentError(f"The channel is one of {', '.join(_CHANNELS)}, not {channel!r}.")
        endpoint = find_platform(host, token)
        self.host = endpoint.url
        self.token = endpoint.token
        self.version = version or os.environ.get("ENV_GATEWAY_PROVIDER_VERSION") or _VERSION
        self.instance = instance
        self.channel = None if channel is None else Channel(channel).value
        self._transport = AsyncTransport(self.host, self._headers(), underlying=transport)
        self._takes_containers = False
        self._takes_uploads = False
        self._reaches_objects = True  # the platform's object store, from this machine, as far as we know
        # sync only: self.verify()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} | {self.host}>"

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        await self.verify()  # async only
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def verify(self) -> None:
        """See that the gateway answers and lets us in. Who has no platform shall hear of it at once, so it is asked once.

        Raises:
            GatewayConnectionError: No gateway answers.
            AccessError: The token is not good.
        """
        try:
            answer = await self._transport.request("GET", "/api/v1/programs/", patient=False)
        except AccessError as error:
            text = f"Credentials couldn't be verified: {error}"
            raise AccessError(text, error.status_code, error.details) from error
        self._takes_containers = answer.headers.get(ENCODING_HEADER) == CONTAINED
        self._takes_uploads = answer.headers.get(LOCATION_HEADER) == LOCATED

    def _headers(self) -> dict[str, str]:
        optional = {"Service-Channel": self.channel, "Service-CRN": self.instance}
        return {"Authorization": f"Bearer {self.token}", ENCODING_HEADER: TAGGED, **given(**optional)}

    def _path(self, rest: str) -> str:
        return f"/api/{self.version}/{rest}/"

    def _job_path(self, job_id: str, part: str = "") -> str:
        return self._path(f"jobs/{quote(job_id, safe='')}{f'/{part}' if part else ''}")
