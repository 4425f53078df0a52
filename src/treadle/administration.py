"""What the operator's commands work on: the database of a home folder, whether a gateway runs on it or not.

A composition root of its own, without all that serves requests, so that a command takes no longer than it must.
"""

import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from treadle.adapters.auth.keys import FileSigner, read_or_make
from treadle.adapters.clock import SystemClock
from treadle.adapters.database.opening import is_newest, open_database, open_postgresql
from treadle.domain.errors import HomeFolderError
from treadle.domain.tokens import new_token
from treadle.home_folder import locked
from treadle.ports.repositories import Database
from treadle.services.accounts import Accounts
from treadle.services.publishing import Publishing


@dataclass(frozen=True, slots=True)
class Administration:
    """The services behind the operator's commands.

    Attributes:
        accounts: Users and groups.
        publishing: Providers and access to functions.
    """

    accounts: Accounts
    publishing: Publishing


@contextlib.asynccontextmanager
async def administration(
    home: Path, database_url: str | None = None, secret_key: str | None = None
) -> AsyncIterator[Administration]:
    """Open a platform's home folder for the operator.

    Args:
        home: The folder.
        database_url: PostgreSQL database of the platform; None when it keeps its database in the folder.
        secret_key: The platform's key; None when it keeps its key in the folder.

    Raises:
        HomeFolderError: There is no platform in it, or its tables are of an older version and its gateway still runs.
    """
    database = open_postgresql(database_url) if database_url is not None else _open_in(home)
    try:
        signer, clock = FileSigner.from_key(secret_key, home / "secret.key"), SystemClock()
        yield Administration(Accounts(database, signer, clock), Publishing(database, clock))
    finally:
        await database.close()


def _open_in(home: Path) -> Database:
    path = home / "treadle.db"
    if not path.is_file():
        raise HomeFolderError(
            f"There is no platform in {home}.",
            hint="Start it once with `treadle up`, or name its folder with --home or TREADLE_HOME.",
        )
    with contextlib.nullcontext() if is_newest(path) else locked(home):  # no gateway sees its tables change
        return open_database(path)


def make_secrets(folder: Path) -> list[Path]:
    """Make what all processes of one platform share and nobody else may know, as files for ``TREADLE_SECRETS``.

    Args:
        folder: Where they go, made if need be. A file that is there stays as it is.

    Returns:
        The files: the platform's key, the owner's token, and the token by which the processes of Ray know each other.

    Raises:
        HomeFolderError: The folder cannot be written.
    """
    contents = {
        "treadle_secret_key": secrets.token_hex(32),
        "treadle_owner_token": new_token(),
        "ray_auth_token": secrets.token_hex(32),
    }
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in contents.items():
            read_or_make(folder / name, content)
    except OSError as error:
        raise HomeFolderError(
            f"The folder {folder} cannot be written: {error.strerror}.", hint="Name another one."
        ) from error
    return [folder / name for name in contents]
