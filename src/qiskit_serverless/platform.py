"""Finding the platform: what the caller says, then the environment, then the home folder."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from qiskit_serverless.exceptions import InvalidArgumentError, PlatformNotFoundError

_HOST_VARIABLES = ("TREADLE_HOST", "ENV_GATEWAY_PROVIDER_HOST")
_TOKEN_VARIABLES = ("TREADLE_TOKEN", "ENV_GATEWAY_PROVIDER_TOKEN")
_START = "Start one with `treadle up` or `ServerlessClient.local()`, or set TREADLE_HOST and TREADLE_TOKEN."


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a gateway is, and what it lets us in with.

    Attributes:
        url: Base URL, without a trailing slash.
        token: The bearer token.
    """

    url: str
    token: str


def find_platform(host: str | None = None, token: str | None = None) -> Endpoint:
    """Find a platform to talk to.

    The host is the one given, else ``TREADLE_HOST``, else ``ENV_GATEWAY_PROVIDER_HOST``, else the gateway that runs on this
    machine's home folder (``TREADLE_HOME``, by default ``~/.treadle``). The token is the one given, else
    ``TREADLE_TOKEN``, else ``ENV_GATEWAY_PROVIDER_TOKEN``, else the owner's token in the home folder; but that one is
    only ever used for the home folder's own gateway.

    Args:
        host: Base URL of a gateway.
        token: Bearer token.

    Raises:
        InvalidArgumentError: The host is not a URL.
        PlatformNotFoundError: There is no host, or no token for it.
    """
    wanted = host or _variable(_HOST_VARIABLES)
    url = _base_url(wanted) if wanted else _running_here()
    return Endpoint(url, token or _variable(_TOKEN_VARIABLES) or _owners_token(url))


def platform_of_home() -> Endpoint | None:
    """Return the platform that runs on this machine's home folder, None if none runs.

    Raises:
        PlatformNotFoundError: What the home folder says cannot be read.
    """
    gateway = _gateway_of_home()
    if gateway is None or not _is_alive(gateway[1]):
        return None
    return Endpoint(gateway[0], _owners_token(gateway[0]))


def home_folder() -> Path:
    """Return the platform's home folder on this machine."""
    return Path(os.environ.get("TREADLE_HOME") or "~/.treadle").expanduser()


def _variable(names: tuple[str, ...]) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _base_url(host: str) -> str:
    parts = urlsplit(host)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidArgumentError(f"The host is a URL such as http://127.0.0.1:8000, not {host!r}.")
    return host.rstrip("/")


def _running_here() -> str:
    gateway = _gateway_of_home()
    if gateway is None:
        raise PlatformNotFoundError(f"No platform runs on this machine ({home_folder()} has no gateway). {_START}")
    url, pid = gateway
    if not _is_alive(pid):
        raise PlatformNotFoundError(f"The platform of {home_folder()} does not run any more. {_START}")
    return url


def _gateway_of_home() -> tuple[str, int] | None:
    """Return URL and process id of the gateway that says it runs on the home folder."""
    file = home_folder() / "gateway.json"
    try:
        gateway = json.loads(file.read_text())
        return gateway["url"].rstrip("/"), gateway["pid"]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PlatformNotFoundError(
            f"{file} is damaged ({error!r}). Stop the platform, delete the file, start it again."
        ) from error


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, and belongs to somebody else
        return True
    return True


def _owners_token(url: str) -> str:
    gateway = _gateway_of_home()
    if gateway is None or gateway[0] != url:
        raise PlatformNotFoundError(f"There is no token for {url}. Pass token=..., or set TREADLE_TOKEN.")
    file = home_folder() / "token"
    try:
        return file.read_text().strip()
    except OSError as error:
        raise PlatformNotFoundError(
            f"The owner's token cannot be read: {error}. Pass token=..., or set TREADLE_TOKEN."
        ) from error
