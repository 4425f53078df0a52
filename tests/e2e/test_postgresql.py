"""A platform whose database is PostgreSQL."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.e2e.both_shapes.test_crashes import start_gated
from tests.e2e.conftest import client_of, uploader
from tests.postgresql import PostgresqlServer
from tests.running_platform import RunningPlatform
from treadle.administration import administration

HELLO = """
from qiskit_serverless import save_result
save_result("hello")
"""


def test_jobs_end_though_all_connections_to_the_database_break_and_its_commands_see_the_same_users(
    make_platform: Callable[..., RunningPlatform], postgresql: PostgresqlServer, postgresql_url: str, tmp_path: Path
) -> None:
    platform = make_platform(TREADLE_DATABASE=postgresql_url)
    job, gate, _ = start_gated(platform, tmp_path)
    postgresql.end_connections()
    gate.touch()
    assert job.result() == "whole"
    assert uploader(client_of(platform), tmp_path)("hello", HELLO).run().result() == "hello"
    platform.kill()
    platform.restart()
    assert client_of(platform).job(job.job_id).status() == "DONE"
    assert not (platform.home / "treadle.db").exists()

    async def names() -> list[str]:
        async with administration(platform.home, postgresql_url) as opened:
            return [account.name for account in await opened.accounts.all()]

    assert asyncio.run(names()) == ["owner"]
