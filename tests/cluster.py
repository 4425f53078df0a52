"""A platform on a cluster, for tests: a gateway and a dispatcher as processes of their own, on Ray, PostgreSQL and S3.

Nothing is shared but those three: each process, and each node, has a home folder of its own.
"""

import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import psutil

from tests.postgresql import PostgresqlServer
from tests.ray_cluster import RayCluster, free_port
from tests.running_platform import RunningPlatform, belongs_to, start_platform
from tests.s3 import S3Server


@dataclass
class ClusterPlatform(RunningPlatform):
    """A platform whose gateway can be killed and restarted like that of one machine.

    Attributes:
        dispatcher: The other process.
        nodes: Its home folders on the nodes.
        owner_token: The owner's token, which the settings give.
    """

    dispatcher: RunningPlatform = field(kw_only=True)
    nodes: list[Path] = field(kw_only=True)
    owner_token: str = field(kw_only=True)

    @property
    def token(self) -> str:
        """The owner's token."""
        return self.owner_token

    @property
    def job_folders(self) -> list[Path]:
        """The folders of attempts."""
        return [folder for node in self.nodes for folder in node.glob("jobs/*")]

    def processes(self) -> list[psutil.Process]:
        """Every living process of this platform, also on nodes."""
        on_nodes = [
            process for process in psutil.process_iter() if any(belongs_to(process, home) for home in self.nodes)
        ]
        return [*super().processes(), *self.dispatcher.processes(), *on_nodes]

    def own_processes(self) -> list[psutil.Process]:
        """The gateway, the dispatcher, and what they have started for themselves."""
        return [*super().own_processes(), *self.dispatcher.own_processes()]

    def close(self) -> None:
        """Stop both processes, see that none of theirs is left, remove their homes."""
        self.dispatcher.close()
        super().close()


def start_cluster_platform(
    ray: RayCluster, postgresql: PostgresqlServer, s3: S3Server, **variables: str
) -> ClusterPlatform:
    """Start a gateway and a dispatcher, on a new database and a new prefix in the bucket, and wait until both are ready.

    Args:
        ray: Where programs run.
        postgresql: Where the database is made.
        s3: Where objects lie.
        variables: Further settings of both.
    """
    port = free_port()
    owner_token = secrets.token_hex(20)
    settings = {
        **s3.settings(),
        **ray.variables,
        "TREADLE_DATABASE": postgresql.new_database(),
        "TREADLE_SECRET_KEY": secrets.token_hex(32),
        "TREADLE_OWNER_TOKEN": owner_token,
        "TREADLE_URL": f"http://127.0.0.1:{port}",
        "TREADLE_ENGINE": "ray",
        "TREADLE_RAY_ADDRESS": ray.address,
        **variables,
    }
    dispatcher = start_platform(**settings, TREADLE_ROLE="dispatcher")
    gateway = start_platform(str(port), **settings, TREADLE_ROLE="gateway")
    name = sha256(f"ray {settings['TREADLE_SECRET_KEY']}".encode()).hexdigest()[:12]
    nodes = [node.home / name for node in ray.nodes]
    return ClusterPlatform(
        gateway.home,
        gateway.url,
        gateway.process,
        gateway.variables,
        dispatcher=dispatcher,
        nodes=nodes,
        owner_token=owner_token,
    )
