"""The operator's file of compute profiles."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from treadle.domain.budget import Budget
from treadle.domain.errors import InvalidError, SettingsError
from treadle.domain.profiles import ENGINE_NAME, ComputeProfiles, budget_of_name, check_profile_name

_GIGABYTE = 10**9
_HINT = "docs/compute-profiles.md shows what the file looks like."


class _Profile(BaseModel):
    """A profile in the file; what it leaves out is as its name says."""

    model_config = ConfigDict(extra="forbid")

    cpu: float | None = Field(None, gt=0)
    memory_gb: float | None = Field(None, gt=0)
    gpu: float | None = Field(None, ge=0)
    engine: str | None = Field(None, pattern=f"^{ENGINE_NAME}$")


def read_profiles(path: Path | None, *, strict: bool) -> ComputeProfiles:
    """Return the profiles in a TOML file; none without a file.

    Args:
        path: The file.
        strict: Whether jobs may ask for no more than their profile has.

    Raises:
        SettingsError: The file cannot be read, or does not say what profiles there are.
    """
    if path is None:
        return ComputeProfiles()
    import tomllib  # late: most platforms have no such file

    try:
        fields = tomllib.loads(path.expanduser().read_text(encoding="utf-8"))
        default = fields.pop("default", None)
        profiles = {name: _profile(name, table) for name, table in fields.items()}
        budgets = {name: _budget(name, profile, strict) for name, profile in profiles.items()}
    except OSError as error:
        raise SettingsError(f"The compute profiles in {path} cannot be read: {error.strerror}.", hint=_HINT) from error
    except (ValueError, InvalidError) as error:
        raise SettingsError(f"The compute profiles in {path} make no sense: {error}", hint=_HINT) from error
    if default is not None and default not in budgets:
        raise SettingsError(f"The default {default!r} in {path} is none of its compute profiles.", hint=_HINT)
    engines = {name: profile.engine for name, profile in profiles.items() if profile.engine is not None}
    return ComputeProfiles(budgets, default, engines)


def _profile(name: str, table: Any) -> _Profile:  # noqa: ANN401  (whatever the file has there)
    check_profile_name(name)
    try:
        return _Profile.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidError(f"{'.'.join([name, *map(str, first['loc'])])}: {first['msg']}.") from error


def _budget(name: str, profile: _Profile, strict: bool) -> Budget:
    named = budget_of_name(name, strict=strict)
    return Budget(
        named.cpu if profile.cpu is None else profile.cpu,
        named.gpu if profile.gpu is None else profile.gpu,
        named.mem if profile.memory_gb is None else int(profile.memory_gb * _GIGABYTE),
        strict,
    )
