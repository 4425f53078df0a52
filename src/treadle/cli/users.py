"""``treadle user``: who may use the platform."""

from typing import Annotated

import typer

from treadle.cli.groups import command_group
from treadle.cli.operating import Home, Yes, operate
from treadle.cli.output import AsJson, Output

app = command_group("user", "Say who may use the platform in a home folder.")

UserName = Annotated[str, typer.Argument(help="Name of the user.", metavar="USER")]


@app.command()
def add(name: UserName, home: Home = None, as_json: AsJson = False) -> None:
    """Make a user and show the user's token, this once."""
    token = operate(home, lambda platform: platform.accounts.add_user(name))
    _show_token(Output(as_json), name, token)


@app.command("list")
def list_users(home: Home = None, as_json: AsJson = False) -> None:
    """List the users with their groups and how many tokens they have."""
    accounts = operate(home, lambda platform: platform.accounts.all())
    rows = [{"user": account.name, "groups": account.groups, "tokens": len(account.tokens)} for account in accounts]
    Output(as_json).table(rows, {"user": "USER", "groups": "GROUPS", "tokens": "TOKENS"}, empty="No users.")


@app.command()
def token(name: UserName, home: Home = None, as_json: AsJson = False) -> None:
    """Give a user one more token and show it, this once."""
    made = operate(home, lambda platform: platform.accounts.add_token(name))
    _show_token(Output(as_json), name, made)


@app.command()
def tokens(name: UserName, home: Home = None, as_json: AsJson = False) -> None:
    """List the ids of a user's tokens and when they were made."""
    found = operate(home, lambda platform: platform.accounts.tokens(name))
    rows = [{"token": each.id, "created": each.created} for each in found]
    Output(as_json).table(rows, {"token": "TOKEN", "created": "CREATED"}, empty=f"{name} has no tokens.")


@app.command()
def revoke(
    name: UserName,
    token_id: Annotated[
        str | None, typer.Argument(help="Id of the token, as `treadle user tokens` shows it.", metavar="TOKEN")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every token of the user, who is then shut out.")] = False,
    yes: Yes = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Let a token no longer identify its user. It cannot be brought back."""
    if every is (token_id is not None):
        raise typer.BadParameter("Name one token, or say --all.", param_hint="'TOKEN'")
    if not yes:
        what = "every token" if every else f"the token {token_id}"
        typer.confirm(f"Revoke {what} of {name}?", abort=True, err=True)
    count = operate(home, lambda platform: platform.accounts.revoke(name, token_id))
    Output(as_json).document({"user": name, "revoked": count}, f"Revoked {count} of {name}'s tokens.")


def _show_token(output: Output, name: str, made: str) -> None:
    if not output.as_json:
        output.say(f"The token of {name}. Keep it: it is not shown again.")
    output.document({"user": name, "token": made}, made)
