"""``treadle group``: users who are given something together."""

from typing import Annotated

import typer

from treadle.cli.groups import command_group
from treadle.cli.operating import Home, operate
from treadle.cli.output import AsJson, Output

app = command_group("group", "Put users of a platform into groups, to which functions and providers are given.")
members = command_group("members", "Say who is in a group.")
app.add_typer(members)

GroupName = Annotated[str, typer.Argument(help="Name of the group.", metavar="GROUP")]
UserNames = Annotated[list[str], typer.Argument(help="Names of users.", metavar="USER...")]


@app.command()
def add(name: GroupName, home: Home = None, as_json: AsJson = False) -> None:
    """Make a group."""
    operate(home, lambda platform: platform.accounts.add_group(name))
    Output(as_json).document({"group": name}, f"Made the group {name}. Fill it: treadle group members add {name} USER")


@app.command("list")
def list_groups(home: Home = None, as_json: AsJson = False) -> None:
    """List the groups with their members."""
    memberships = operate(home, lambda platform: platform.accounts.memberships())
    rows = [{"group": each.name, "members": each.members} for each in memberships]
    Output(as_json).table(rows, {"group": "GROUP", "members": "MEMBERS"}, empty="No groups.")


@members.command("add")
def add_members(group: GroupName, names: UserNames, home: Home = None, as_json: AsJson = False) -> None:
    """Put users into a group."""
    operate(home, lambda platform: platform.accounts.add_members(group, names))
    Output(as_json).document({"group": group, "added": names}, f"Put {', '.join(names)} into the group {group}.")


@members.command("remove")
def remove_members(group: GroupName, names: UserNames, home: Home = None, as_json: AsJson = False) -> None:
    """Take users out of a group."""
    operate(home, lambda platform: platform.accounts.remove_members(group, names))
    Output(as_json).document({"group": group, "removed": names}, f"Took {', '.join(names)} out of the group {group}.")
