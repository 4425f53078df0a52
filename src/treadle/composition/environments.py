"""Solving and building environments, as the settings and the engines say."""

from collections.abc import Sequence

from treadle.adapters.environments.allow_list_file import read_allow_list
from treadle.adapters.environments.cluster import ClusterEnvironments, SeveralEnvironments
from treadle.adapters.environments.installed import pinned
from treadle.adapters.environments.local import LocalEnvironments
from treadle.adapters.environments.solving import UvSolver
from treadle.composition.stores import Stores
from treadle.ports.clock import Clock
from treadle.ports.engine import Engine
from treadle.ports.environments import EnvironmentBuilder
from treadle.services.engines import Engines
from treadle.services.environments import Environments
from treadle.settings import Settings


def make_environments(settings: Settings, stores: Stores, clock: Clock) -> Environments:
    """Return what chooses and shows environments.

    Raises:
        SettingsError: The platform runs programs on Ray, and Ray is not installed here: nobody would know which version
            environments must have.
    """
    given = [pinned("ray")] if any(map(_is_ray, settings.engine_names)) else []
    solver = UvSolver(settings.solve_seconds, only_wheels=not settings.build_packages, given=given)
    allowed = read_allow_list(settings.allowed_packages)
    return Environments(stores.database, solver, stores.objects, stores.wakeups, clock, allowed)


def make_builder(settings: Settings, engines: Engines) -> EnvironmentBuilder:
    """Return what builds environments for the engines of a dispatcher."""
    on_nodes = [engine for name in engines.names if _is_ray(name) and (engine := engines.named(name)) is not None]
    builders = _of_clusters(on_nodes) if on_nodes else []
    if len(on_nodes) < len(engines.names):
        builders.append(_of_this_machine(settings))
    return builders[0] if len(builders) == 1 else SeveralEnvironments(builders)


def _is_ray(name: str) -> bool:
    return name.partition(":")[0] == "ray"


def _of_clusters(engines: Sequence[Engine]) -> list[EnvironmentBuilder]:
    from treadle.adapters.engines.ray.engine import RayEngine  # late: most platforms have none

    return [ClusterEnvironments(engine.build) for engine in engines if isinstance(engine, RayEngine)]


def _of_this_machine(settings: Settings) -> EnvironmentBuilder:
    builder = LocalEnvironments(
        settings.home_folder, build_seconds=settings.build_seconds, only_wheels=not settings.build_packages
    )
    builder.open()
    return builder
