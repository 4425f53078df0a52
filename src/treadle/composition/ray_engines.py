"""The engines on a Ray cluster, as the settings say."""

import hashlib
import secrets
from ipaddress import ip_address
from pathlib import Path

from treadle.adapters.auth.keys import read_or_make
from treadle.adapters.engines.ray.clusters import ExistingCluster, OwnCluster, RayCluster
from treadle.adapters.engines.ray.engine import RayEngine
from treadle.adapters.engines.ray.terms import RayTerms
from treadle.adapters.environments.node import NodeTerms
from treadle.domain.errors import SettingsError
from treadle.settings import Settings

_KEY_BYTES = 32
_PLATFORM_DIGITS = 12
_GPU = "GPU"  # how Ray writes it


def make_ray_engine(name: str, settings: Settings) -> RayEngine:
    """Make the engine ``ray``, or ``ray:<resource>``, which uses only nodes that offer this resource of Ray.

    Raises:
        SettingsError: The settings do not fit together.
    """
    _, _, resource = name.partition(":")
    terms = RayTerms(
        platform=_platform(settings),
        resource=(_GPU if resource == _GPU.lower() else resource) or None,
        warm_environments=settings.warm_environments,
        environments=NodeTerms(
            build_seconds=settings.build_seconds,
            only_wheels=not settings.build_packages,
            kept_bytes=settings.environment_bytes,
        ),
    )
    return RayEngine(_cluster(settings, terms.platform), terms, settings.home_folder / f"{name.replace(':', '-')}.log")


def _platform(settings: Settings) -> str:
    """Return a name that all dispatchers of this platform share, and no other platform has."""
    key = settings.secret_key_text or read_or_make(settings.home_folder / "secret.key", secrets.token_hex(_KEY_BYTES))
    return hashlib.sha256(f"ray {key}".encode()).hexdigest()[:_PLATFORM_DIGITS]


def _cluster(settings: Settings, platform: str) -> RayCluster:
    if settings.ray_address is None:
        return _own_cluster(settings, platform)
    if settings.url is None and not _is_here(settings.ray_address):
        raise SettingsError(
            f"Programs on the nodes of the Ray cluster at {settings.ray_address} must be told where the gateway is:"
            " TREADLE_URL.",
            hint="Set it to a URL that the nodes reach, and TREADLE_BIND_HOST so that the gateway listens there.",
        )
    return ExistingCluster(settings.ray_address)


def _own_cluster(settings: Settings, platform: str) -> OwnCluster:
    others = [name for name in settings.engine_names if name.startswith("ray:")]
    if others:
        raise SettingsError(
            f"The engine {others[0]!r} chooses among the nodes of a cluster, and TREADLE_RAY_ADDRESS names none.",
            hint="Without it, Ray is started on this machine, and `ray` is its engine.",
        )
    nodes = settings.home_folder / "node"
    _share_announcement(settings.home_folder, nodes / platform)
    return OwnCluster(settings.home_folder / "ray", nodes)


def _share_announcement(home: Path, node_home: Path) -> None:
    """Let supervisors on the node of our own Ray see where the gateway is now."""
    node_home.mkdir(mode=0o700, parents=True, exist_ok=True)
    link = node_home / "gateway.json"
    if not link.is_symlink():
        link.symlink_to(home / "gateway.json")


def _is_here(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
