"""``treadle up``: a platform in the foreground."""

import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.cli.background import ensure_detached
from treadle.cli.installation import require_server
from treadle.cli.output import AsJson, Output

if TYPE_CHECKING:
    from treadle.settings import Settings


def up(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1, this machine only.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes any free one. Default: 8642.")] = None,
    role: Annotated[
        str | None,
        typer.Option(help="Part of a platform to run: all, gateway or dispatcher. Default: all, a whole platform."),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="Engines that jobs run on, separated by commas. Default: local, this machine.")
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(help="Folder of everything the platform keeps. Default: $TREADLE_HOME, then ~/.treadle."),
    ] = None,
    detach: Annotated[
        bool,
        typer.Option("--detach", help="Run it in the background, until `treadle down`; one that runs already is fine."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a platform on this machine until Ctrl-C.

    Jobs that run when it stops go on; the next start picks them up.
    """
    output = Output(as_json)
    settings = read_settings(bind_host=host, bind_port=port, role=role, engine=engine, home=home)
    if detach:
        _announce(output, settings, ensure_detached(settings), "`treadle down` stops it")
    else:
        _serve(output, settings)


def _serve(output: Output, settings: "Settings") -> None:
    from treadle.main import serve

    # Once the server has stopped, it raises the signal that stopped it again, for the handler that was there before.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        serve(settings, on_ready=lambda url: _announce(output, settings, url, "Ctrl-C stops it"))
    output.say("Stopped.")


def read_settings(**given: object) -> "Settings":
    """Return the platform's settings: what is given here, else the environment, else the defaults.

    Raises:
        CommandError: The server part is not installed.
        typer.BadParameter: A setting has a value it cannot have.
    """
    require_server()

    from pydantic import ValidationError

    from treadle.settings import Settings

    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        examples = Settings.model_fields[name].examples if first["type"] == "string_pattern_mismatch" else None
        wrong = f"It looks like this: {examples[0]}" if examples else first["msg"]  # nobody wants to read a pattern
        raise typer.BadParameter(f"{first['input']!r}: {wrong}.", param_hint=f"TREADLE_{name.upper()}") from error


def _announce(output: Output, settings: "Settings", url: str, end: str) -> None:
    home = settings.home_folder
    token_file = str(home / "token") if _has_token_file(settings) else None
    output.document({"url": url, "home": str(home), "token_file": token_file}, ready_text(settings, url, end))


def _has_token_file(settings: "Settings") -> bool:
    """Say whether clients that know the home folder find the owner's token there."""
    if settings.role == "dispatcher" or settings.owner_token is not None:
        return False
    return settings.role == "all" or (settings.home_folder / "token").exists()


def ready_text(settings: "Settings", url: str, end: str) -> str:
    """Return what is said once the process answers.

    Args:
        settings: Its settings.
        url: Where it answers.
        end: How it is stopped.
    """
    outlook = f"{end}; jobs that run go on, and the next start picks them up.\n"
    if settings.role == "dispatcher":
        return f"A dispatcher of Treadle is ready; {url}/readiness/ says so.\n\n{outlook}"
    if not _has_token_file(settings):
        return (
            f"Treadle is ready at {url}\n\n  Clients                host {url}, {_whose_token(settings)}\n\n{outlook}"
        )
    return f"Treadle is ready at {url}\n\n{_for_clients_here(settings, url)}\n{outlook}"


def _whose_token(settings: "Settings") -> str:
    if settings.owner_token is not None:
        return "token of the owner as in TREADLE_OWNER_TOKEN"
    return "token of a user: `treadle user add NAME` makes one"


def _for_clients_here(settings: "Settings", url: str) -> str:
    home = settings.home_folder
    by_default = type(settings).model_fields["home"].default.expanduser()
    elsewhere = "" if home == by_default else f"  Clients find it with   export TREADLE_HOME={home}\n"
    return f"""\
{elsewhere}\
  In a shell             treadle function upload program.py
                         treadle run program --follow
  In Python              from qiskit_serverless import ServerlessClient
                         client = ServerlessClient()
  Any other client       host {url}, token in {home / "token"}
"""
