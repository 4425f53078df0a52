"""What a task asks for."""

import difflib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any

from qiskit_serverless.tasks.errors import TargetError

_UNSUPPORTED = {
    "working_dir": "tasks run in the working folder of the program; upload the files with the program",
    "py_modules": "tasks import what the program imports; upload the modules with the program",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What one call of a task uses while it runs, charged to the budget of the job.

    Attributes:
        cpu: CPU cores, may be fractional.
        gpu: GPUs, may be fractional.
        mem: Memory in bytes. It is an entry in the books of the job, not a limit that is enforced on the process.
        env_vars: Environment variables of the worker process.
        pip: Requirements that must be installed, such as ``"scipy>=1.14"``.
        resources: Amounts of further resources, by their names in the budget of the job.
        qpu: Of no effect: a task does not hold a QPU, it uses the runtime service. Programs of releases up to 0.35 may say it.

    Raises:
        TargetError: A value is of the wrong type, negative, or not finite; the message names the key.
    """

    cpu: float = 1.0
    gpu: float = 0.0
    mem: int = 0
    env_vars: Mapping[str, str] = field(default_factory=dict)
    pip: Collection[str] = ()
    resources: Mapping[str, float] = field(default_factory=dict)
    qpu: float = 0.0

    def __post_init__(self) -> None:
        _set = object.__setattr__
        _set(self, "cpu", _amount("cpu", self.cpu))
        _set(self, "gpu", _amount("gpu", self.gpu))
        _set(self, "mem", _bytes(self.mem))
        _set(self, "qpu", _amount("qpu", self.qpu))
        _set(self, "env_vars", _env_vars(self.env_vars))
        _set(self, "resources", _resources(self.resources))
        _set(self, "pip", _requirements(self.pip))

    @classmethod
    def from_dict(cls, dictionary: Mapping[str, Any]) -> "Target":
        """Make a target from a dictionary.

        Raises:
            TargetError: A key is unknown, or a value does not make sense.
        """
        known = [entry.name for entry in fields(cls)]
        for key in dictionary:
            if key not in known:
                raise TargetError(unknown_key("target", key, known))
        return cls(**dictionary)


def unknown_key(where: str, key: object, known: Collection[str]) -> str:
    """Return the message for a key that `where` does not have."""
    if key in _UNSUPPORTED:
        return f"{where}: {key!r} is not supported: {_UNSUPPORTED[str(key)]}"
    near = difflib.get_close_matches(str(key), [*known, "memory"], n=1)
    meant = f"; did you mean {'mem' if near[0] == 'memory' else near[0]!r}?" if near else ""
    return f"{where}: unknown key {key!r} (known: {', '.join(known)}){meant}"


def _amount(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TargetError(f"target: {key!r} must be a number, not {value!r}")
    if not math.isfinite(value) or value < 0:
        raise TargetError(f"target: {key!r} must be a finite number that is not negative, not {value!r}")
    return int(value) if isinstance(value, Integral) else float(value)


def _bytes(value: object) -> int:
    amount = _amount("mem", value)
    if amount != int(amount):
        raise TargetError(f"target: 'mem' is a whole number of bytes, not {value!r}")
    return int(amount)


def _env_vars(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TargetError(f"target: 'env_vars' must be a dictionary of texts, not {value!r}")
    for name, text in value.items():
        _check_env_var(name, text)
    return dict(value)


def _check_env_var(name: object, text: object) -> None:
    if not isinstance(name, str) or not name or "=" in name or "\0" in name:
        raise TargetError(f"target: 'env_vars' has a name that is not possible: {name!r}")
    if not isinstance(text, str) or "\0" in text:
        raise TargetError(f"target: 'env_vars': the value of {name!r} must be a text, not {text!r}")


def _resources(value: object) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TargetError(f"target: 'resources' must be a dictionary of numbers, not {value!r}")
    for name in value:
        if not isinstance(name, str) or name in ("", "cpu", "gpu", "mem", "workers"):
            raise TargetError(f"target: 'resources' has a name that is not possible: {name!r}")
    return {name: _amount(f"resources[{name!r}]", amount) for name, amount in value.items()}


def _requirements(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Collection):
        raise TargetError(f"target: 'pip' must be a list of requirements, not {value!r}")
    for requirement in value:
        _check_installed(requirement)
    return tuple(value)


def _check_installed(text: object) -> None:
    from importlib import metadata

    from packaging.requirements import InvalidRequirement, Requirement

    if not isinstance(text, str):
        raise TargetError(f"target: 'pip' must hold texts, not {text!r}")
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise TargetError(f"target: 'pip': {text!r} is not a requirement: {error}") from error
    if requirement.marker is not None and not requirement.marker.evaluate():
        return
    try:
        installed = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        raise TargetError(
            f"target: 'pip': {text!r} is not installed in this environment; add it to the dependencies of the program"
        ) from None
    if not requirement.specifier.contains(installed, prereleases=True):
        raise TargetError(f"target: 'pip': {text!r} is asked for, but {requirement.name} {installed} is installed")
