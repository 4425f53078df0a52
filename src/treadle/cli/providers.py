"""``treadle provider``: organisations that publish functions."""

from typing import Annotated

import typer

from treadle.cli.groups import command_group
from treadle.cli.operating import Home, operate
from treadle.cli.output import AsJson, Output

app = command_group("provider", "Let organisations publish functions to others without showing their code.")
admin = command_group(
    "admin", "Say which groups act for a provider: upload its functions, see their jobs and private logs."
)
app.add_typer(admin)

ProviderName = Annotated[str, typer.Argument(help="Name of the provider.", metavar="PROVIDER")]
GroupName = Annotated[str, typer.Argument(help="Name of the group.", metavar="GROUP")]


@app.command()
def add(
    name: ProviderName,
    registry: Annotated[
        str | None, typer.Option(help="Where the images of its functions must come from, on engines that run images.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make a provider."""
    operate(home, lambda platform: platform.publishing.add_provider(name, registry))
    text = f"Made the provider {name}. Say who acts for it: treadle provider admin add {name} GROUP"
    Output(as_json).document({"provider": name, "registry": registry}, text)


@app.command("list")
def list_providers(home: Home = None, as_json: AsJson = False) -> None:
    """List the providers with the groups that act for them and their functions."""
    organisations = operate(home, lambda platform: platform.publishing.organisations())
    rows = [
        {
            "provider": each.name,
            "admins": each.admin_groups,
            "functions": each.functions,
            "registry": each.registry,
        }
        for each in organisations
    ]
    columns = {"provider": "PROVIDER", "admins": "ADMINS", "functions": "FUNCTIONS"}
    Output(as_json).table(rows, columns, empty="No providers.")


@admin.command("add")
def add_admins(provider: ProviderName, group: GroupName, home: Home = None, as_json: AsJson = False) -> None:
    """Let the members of a group act for a provider."""
    operate(home, lambda platform: platform.publishing.add_admins(provider, group))
    Output(as_json).document({"provider": provider, "admins": group}, f"The group {group} acts for {provider}.")


@admin.command("remove")
def remove_admins(provider: ProviderName, group: GroupName, home: Home = None, as_json: AsJson = False) -> None:
    """Let the members of a group no longer act for a provider."""
    operate(home, lambda platform: platform.publishing.remove_admins(provider, group))
    document = {"provider": provider, "removed": group}
    Output(as_json).document(document, f"The group {group} no longer acts for {provider}.")
