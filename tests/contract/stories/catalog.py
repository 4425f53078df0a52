"""The catalog client, ``qiskit-ibm-catalog``: somebody runs a provider's function and one of their own.

Its two classes stand on the client of ``qiskit-serverless`` and on an account with IBM. Which gateway they talk to can be chosen
(``QiskitServerless(host=...)``, or ``IBM_SERVERLESS_HOST_URL_OVERRIDE`` in the environment for both), but not the account: their
constructor asks IBM's identity service for its instances, whatever the gateway. So they get their client from here, and all
that they do with it is theirs. What asks IBM for backends and usage is left out.
"""

from pathlib import Path
from typing import Any

from qiskit_ibm_catalog import QiskitFunctionsCatalog, QiskitServerless
from setup import Setup, refusal

from qiskit_serverless import ServerlessClient
from qiskit_serverless.core.function import RunnableQiskitFunction

Either = QiskitFunctionsCatalog | QiskitServerless


def tell(setup: Setup) -> dict[str, Any]:
    title, provider = setup.details["title"], setup.details["provider"]
    boss, mate = (setup.connect(token=setup.details[name]) for name in ("boss", "mate"))
    catalog = on_gateway(QiskitFunctionsCatalog, mate)
    serverless = on_gateway(QiskitServerless, mate)
    own = serverless.upload(setup.function("reader"))
    return {
        "catalog lists": [[each.provider, each.title] for each in catalog.list()].count([provider, title]),
        "own are not in it": [each.title for each in catalog.list()].count(own.title),
        "own": [each.title for each in serverless.list()].count(own.title),
        "catalog": looked_into(catalog, catalog.load(title, provider=provider), {"angle": 4}),
        "serverless": looked_into(serverless, serverless.load(own.title), {"name": "bonds.txt"}, setup.folder),
        "provider": [
            of_provider(on_gateway(kind, boss), boss.function(title, provider=provider), Path(setup.folder))
            for kind in (QiskitFunctionsCatalog, QiskitServerless)
        ],
        "refused": refusal(lambda: catalog.provider_files(catalog.load(title, provider=provider))),
        "accounts": [saved_account(kind) for kind in (QiskitFunctionsCatalog, QiskitServerless)],
    }


def on_gateway(kind: type[Either], client: ServerlessClient) -> Any:
    made = kind.__new__(kind)
    made._client = client
    return made


def looked_into(
    client: Any, function: RunnableQiskitFunction, arguments: dict[str, Any], folder: str = ""
) -> dict[str, Any]:
    desk = Path(folder or ".")
    (desk / "bonds.txt").write_text("0.7")
    client.file_upload(str(desk / "bonds.txt"), function)
    listed = client.files(function).count("bonds.txt")
    job = function.run(**arguments)
    result = job.result(cadence=0.05)
    client.file_download("bonds.txt", function, target_name="back.txt", download_location=str(desk))
    client.file_delete("bonds.txt", function)
    return {
        "result": result,
        "jobs": client.jobs(function)[0].job_id == job.job_id,
        "found": {client.job(job.job_id).job_id, client.get_job_by_id(job.job_id).job_id} == {job.job_id},
        "qpu": [client.runtime_jobs(job.job_id), client.runtime_sessions(job.job_id)],
        "last event": client.events(job.job_id)[0].data,
        "files": [listed, (desk / "back.txt").read_text(), client.files(function).count("bonds.txt")],
    }


def of_provider(client: Any, function: RunnableQiskitFunction, desk: Path) -> dict[str, Any]:
    (desk / "weights.txt").write_text("1 2")
    client.provider_file_upload(str(desk / "weights.txt"), function)
    listed = client.provider_files(function)
    client.provider_file_download("weights.txt", function, target_name="back.txt", download_location=str(desk))
    client.provider_file_delete("weights.txt", function)
    return {
        "jobs": len(client.provider_jobs(function)) > 0,
        "files": [listed, (desk / "back.txt").read_text(), client.provider_files(function)],
    }


def saved_account(kind: type[Either]) -> bool:
    """Save an account, as the first cell of a notebook does, and take it away again: other stories have none."""
    accounts = Path.home() / ".qiskit" / "qiskit-ibm.json"
    kind.save_account(token="t" * 44, channel="ibm_quantum_platform", instance="an_awesome_crn", overwrite=True)
    saved = "t" * 44 in accounts.read_text()
    accounts.unlink()
    return saved
