"""Groups of commands that print their help at once."""

from typing import Annotated

import typer


def _show_help(context: typer.Context, wanted: bool) -> None:
    if wanted:
        typer.echo(context.get_help())
        raise typer.Exit


Help = Annotated[
    bool, typer.Option("--help", "-h", help="Show this message and exit.", is_eager=True, callback=_show_help)
]


def command_group(name: str, text: str) -> typer.Typer:
    """Return an empty group of commands.

    Its help is plain: drawing it with rich takes longer than all else together. Its option ``--help`` is our own, and it
    has no options for completion: typer's load a validator whenever a command of the group runs, also for that one's help.

    Args:
        name: Its name on the command line.
        text: What its commands are for.
    """
    group = typer.Typer(
        name=name,
        context_settings={"help_option_names": ["--help", "-h"]},
        help=text,
        no_args_is_help=True,
        add_help_option=False,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    @group.callback()
    def options(_: Help = False) -> None:
        """Take the options of the group itself."""

    return group
