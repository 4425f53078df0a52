"""The engines of a platform, as its settings say."""

from collections.abc import Callable, Mapping

from treadle.adapters.engines.local import LocalEngine
from treadle.domain.errors import SettingsError
from treadle.ports.engine import Engine
from treadle.services.engines import Engines
from treadle.settings import Settings


def make_engines(settings: Settings, local: LocalEngine | None) -> Engines:
    """Make the engines that `TREADLE_ENGINE` names, the usual one first; a process that only serves has none.

    Args:
        settings: The platform's settings.
        local: The engine of this machine, which was made before all others so that its zygote could begin to import.

    Raises:
        SettingsError: There is no such engine.
    """
    if settings.role == "gateway":
        return Engines({})
    return Engines({name: _engine(name, settings, local) for name in settings.engine_names})


def _engine(name: str, settings: Settings, local: LocalEngine | None) -> Engine:
    if name == "local" and local is not None:
        return local
    kind = name.partition(":")[0]
    if kind not in _KINDS:
        known = ", ".join(["local", *_KINDS])
        raise SettingsError(f"There is no engine {name!r}.", hint=f"TREADLE_ENGINE can name these: {known}.")
    return _KINDS[kind](name, settings)


def _ray(name: str, settings: Settings) -> Engine:
    from treadle.composition.ray_engines import make_ray_engine

    return make_ray_engine(name, settings)


_KINDS: Mapping[str, Callable[[str, Settings], Engine]] = {"ray": _ray}
"""What makes the engines of each kind but `local`, from their name and the settings."""
