"""``treadle profile``: what jobs may use."""

from dataclasses import asdict

from treadle.cli.groups import command_group
from treadle.cli.output import AsJson, Output

app = command_group("profile", "Look at compute profiles, by which a platform offers what jobs may use.")


@app.command("list")
def list_profiles(as_json: AsJson = False) -> None:
    """List the compute profiles that runs may ask for."""
    from qiskit_serverless import ServerlessClient

    rows = [asdict(profile) for profile in ServerlessClient().compute_profiles()]
    columns = {"name": "PROFILE", "cpu": "CPU", "memory": "MEMORY", "gpu": "GPU", "default": "DEFAULT"}
    shown = rows if as_json else [{**row, "memory": f"{row['memory'] / 10**9:g} GB"} for row in rows]
    Output(as_json).table(shown, columns, empty="No profiles are offered: every job has the same budget.")
