"""An engine on a Ray cluster, for the tests of all engines and for those of its own."""

import secrets
from typing import Any

import psutil

from tests.conformance.engine.running_engine import RunningEngine, processes_of
from tests.conformance.runner_gateway import RunnerGateway
from tests.ray_cluster import RayCluster
from treadle.adapters.engines.ray.clusters import ExistingCluster
from treadle.adapters.engines.ray.engine import RayEngine
from treadle.adapters.engines.ray.terms import RayTerms


class RunningRayEngine(RunningEngine):
    """An open engine on a cluster. Its home is that of the first node.

    Attributes:
        cluster: The cluster.
        platform: Name of the platform that uses it.
    """

    def __init__(self, cluster: RayCluster, gateway: RunnerGateway | None = None, platform: str | None = None) -> None:
        self.cluster = cluster
        self.platform = platform or f"test{secrets.token_hex(4)}"
        home = cluster.head.home / self.platform
        home.mkdir(exist_ok=True)
        super().__init__(home, gateway)

    def warm(self) -> "RunningRayEngine":
        """Wait until the nodes have agents, and programs start quickly."""
        self.finish("")
        return self

    @property
    def zygote(self) -> psutil.Process:
        """The zygote of the first node."""
        [zygote] = [process for process in processes_of(self.home) if process.name() == "zygote"]
        return zygote

    def _new_engine(self) -> Any:
        cluster = ExistingCluster(self.cluster.address, self.cluster.variables)
        return RayEngine(cluster, RayTerms(self.platform), self.home / "driver.log")

    @property
    def driver(self) -> psutil.Process:
        """The process that is connected to Ray."""
        log = str(self.home / "driver.log")
        children = psutil.Process().children()
        [driver] = [each for each in children if log in [file.path for file in each.open_files()]]
        return driver

    def wait_until_connected(self) -> None:
        """Wait until there is a connection to Ray."""
        self.call(self.engine.connected.wait())
