"""What the operator's commands share: they work on the home folder itself, so whoever can read and write that is the operator."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from treadle.cli.up import read_settings

if TYPE_CHECKING:
    from treadle.administration import Administration

T = TypeVar("T")

Home = Annotated[Path | None, typer.Option(help="The platform's home folder. Default: $TREADLE_HOME, then ~/.treadle.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def operate(home: Path | None, work: Callable[["Administration"], Awaitable[T]]) -> T:
    """Return what `work` does with the platform in a home folder. A gateway may run there, or none.

    Raises:
        HomeFolderError: There is no platform.
        TreadleError: What `work` raises.
    """
    settings = read_settings(home=home)

    from treadle.administration import administration

    async def run() -> T:
        async with administration(settings.home_folder, settings.database_url, settings.secret_key_text) as opened:
            return await work(opened)

    return asyncio.run(run())
