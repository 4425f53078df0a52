"""``treadle function share`` and its like: who sees and runs a provider's functions, and which are disabled."""

from typing import TYPE_CHECKING, Annotated

import typer

from treadle.cli.operating import Home, operate
from treadle.cli.output import AsJson, Output

if TYPE_CHECKING:
    from treadle.services.publishing import FunctionName

_DISABLED = "The operator of this platform has temporarily disabled access to this function."

PublishedFunction = Annotated[str, typer.Argument(help="The function, as PROVIDER/TITLE.", metavar="FUNCTION")]
AnyFunction = Annotated[str, typer.Argument(help="The function: PROVIDER/TITLE, or TITLE.", metavar="FUNCTION")]
Author = Annotated[str, typer.Option(help="Whose function it is, if it has no provider.")]
Group = Annotated[str, typer.Option(help="Name of the group.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the group ``treadle function``."""
    for command in (share, unshare, grants, disable, enable):
        app.command()(command)


def share(
    function: PublishedFunction,
    group: Group,
    see_only: Annotated[
        bool, typer.Option("--see-only", help="Its members see it in lists, but cannot run it.")
    ] = False,
    trial: Annotated[bool, typer.Option("--trial", help="Jobs of its members are trials.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Let the members of a group run a provider's function, or only see it."""
    name = _named(function)
    operate(home, lambda platform: platform.publishing.share(name, group, may_run=not see_only, trial=trial))
    document = {"function": function, "group": group, "may_run": not see_only, "trial": trial}
    Output(as_json).document(document, f"The group {group} may {'see' if see_only else 'run'} {function}.")


def unshare(function: PublishedFunction, group: Group, home: Home = None, as_json: AsJson = False) -> None:
    """Take a provider's function back from a group. Jobs that are there go on."""
    name = _named(function)
    operate(home, lambda platform: platform.publishing.unshare(name, group))
    text = f"{function} is no longer shared with the group {group}."
    Output(as_json).document({"function": function, "group": group}, text)


def grants(function: PublishedFunction, home: Home = None, as_json: AsJson = False) -> None:
    """List the groups with which a provider's function is shared."""
    name = _named(function)
    found = operate(home, lambda platform: platform.publishing.grants(name))
    rows = [{"group": each.group, "may_run": each.may_run, "trial": each.trial} for each in found]
    columns = {"group": "GROUP", "may_run": "MAY RUN", "trial": "TRIAL"}
    Output(as_json).table(rows, columns, empty=f"{function} is shared with no group.")


def disable(
    function: AnyFunction,
    message: Annotated[str, typer.Option(help="What those are told who run it.")] = _DISABLED,
    author: Author = "owner",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Let nobody run a function for a while. Jobs that are there go on."""
    name = _named(function, author)
    operate(home, lambda platform: platform.publishing.disable(name, message))
    Output(as_json).document({"function": function, "disabled": message}, f"{function} is disabled.")


def enable(function: AnyFunction, author: Author = "owner", home: Home = None, as_json: AsJson = False) -> None:
    """Let those run a function again who may."""
    name = _named(function, author)
    operate(home, lambda platform: platform.publishing.enable(name))
    Output(as_json).document({"function": function, "disabled": None}, f"{function} can be run again.")


def _named(function: str, author: str = "") -> "FunctionName":
    from treadle.domain.functions import split_title
    from treadle.services.publishing import FunctionName

    provider, title = split_title(function, None)
    return FunctionName(title, provider, author)
