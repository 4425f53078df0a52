"""Packages whose names are imported when they are first used."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_names(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the functions ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: Name of the package.
        modules: Module of each name it offers, within `qiskit_serverless`.
    """

    def __getattr__(name: str) -> object:  # noqa: N807  (its name in the package)
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"qiskit_serverless.{modules[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:  # noqa: N807  (its name in the package)
        return sorted({*vars(sys.modules[package]), *modules})

    return __getattr__, __dir__
