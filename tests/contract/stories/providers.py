"""A provider's function: somebody else runs it and sees what is public; the provider's admin sees the rest."""

from pathlib import Path
from typing import Any

from setup import Setup, has, refusal

from qiskit_serverless import ServerlessClient
from qiskit_serverless.core.function import RunnableQiskitFunction


def tell(setup: Setup) -> dict[str, Any]:
    title, provider = setup.details["title"], setup.details["provider"]
    boss, mate = (setup.connect(token=setup.details[name]) for name in ("boss", "mate"))
    function = mate.function(title, provider=provider)
    job = mate.function(f"{provider}/{title}").run(angle=4)
    seen = {
        "found": [function.provider, function.title],
        "in the catalog": [each.provider for each in mate.functions(filter="catalog") if each.title == title],
        "among one's own": [each.title for each in mate.functions(filter="serverless")].count(title),
        "result": job.result(cadence=0.05),
        "run by name": mate.run(title, arguments={"angle": 2}, provider=provider).result(cadence=0.05),
        "log": job.logs(),
        "stranger": refusal(lambda: setup.connect().function(title, provider=provider)),
        "upload": refusal(lambda: mate.upload(setup.function("recipe", provider=provider, title=title))),
    }
    if has("client.provider_jobs"):
        seen["provider's jobs"] = [job.job_id in [each.job_id for each in boss.provider_jobs(boss_view(boss, setup))]]
        seen["others' jobs"] = refusal(lambda: mate.provider_jobs(function))
        seen["files"] = files(boss, boss_view(boss, setup), Path(setup.folder))
        seen["others' files"] = refusal(lambda: mate.provider_files(function))
    if has("job.provider_logs"):
        seen["provider's log"] = [boss.job(job.job_id).provider_logs(), boss.provider_logs(job.job_id)]
        seen["others' log"] = refusal(job.provider_logs)
    return seen


def boss_view(boss: ServerlessClient, setup: Setup) -> RunnableQiskitFunction:
    return boss.function(setup.details["title"], provider=setup.details["provider"])


def files(boss: ServerlessClient, function: RunnableQiskitFunction, desk: Path) -> dict[str, Any]:
    """Files that the provider keeps for its function."""
    (desk / "weights.txt").write_text("0.7 1.4")
    boss.provider_file_upload(str(desk / "weights.txt"), function)
    listed = boss.provider_files(function)
    boss.provider_file_download("weights.txt", function, target_name="back.txt", download_location=str(desk))
    boss.provider_file_delete("weights.txt", function)
    return {"listed": listed, "back": (desk / "back.txt").read_text(), "left": boss.provider_files(function)}
