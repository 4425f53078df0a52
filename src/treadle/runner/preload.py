"""What a zygote imports, so that programs need not."""

import ast
import gc
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

# What programs to the page's pattern use, and what the platform itself needs on their behalf.
_MODULES = (
    "numpy",
    "qiskit",
    "qiskit.qpy",
    "qiskit.quantum_info",
    "qiskit.transpiler.preset_passmanagers",
    "qiskit_ibm_runtime",
    "qiskit_ibm_runtime.fake_provider",
    "qiskit_serverless.program",
    "qiskit_serverless.local_service",
)
_PACKAGES = ("qiskit_serverless.serialization", "qiskit_serverless.tasks")  # with all of their modules


def import_libraries() -> None:
    """Import what programs use; run none of it."""
    gc.disable()  # nothing here is garbage; looking for some takes a fifth of the time
    _defer("ibm_platform_services")
    for name in _MODULES:
        importlib.import_module(name)
    for name in _PACKAGES:
        for module in pkgutil.iter_modules(importlib.import_module(name).__path__, f"{name}."):
            importlib.import_module(module.name)
    from qiskit_serverless.runtime import use_local_service_without_account

    use_local_service_without_account()
    gc.enable()
    gc.collect()
    gc.freeze()  # so that the collectors of children do not write to, and thus copy, the pages they share with us


def qpy_version() -> int:
    """Return the newest version of QPY, the format of circuits, that the Qiskit of this process reads."""
    version: int = importlib.import_module("qiskit.qpy").QPY_VERSION
    return version


class _DeferredPackage(ModuleType):
    """A package that imports a submodule when something of it is first asked for, not all of them at once."""

    def __getattr__(self, name: str) -> object:
        module = self.__dict__["_origins"].get(name)
        if module is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(module, self.__name__), name)
        setattr(self, name, value)
        return value


def _defer(name: str) -> None:
    """Put a package whose ``__init__`` only re-exports into `sys.modules` without running that.

    The runtime client needs three classes of ibm_platform_services, which is twenty modules of generated code: all of
    them would take 0.3 s and 10 MB.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None or name in sys.modules:
        return
    package = importlib.util.module_from_spec(spec)
    package.__dict__["_origins"] = dict(_re_exports(spec.origin))
    package.__class__ = _DeferredPackage
    sys.modules[name] = package


def _re_exports(source: str) -> Iterator[tuple[str, str]]:
    """Return what a package's ``__init__`` imports from where: pairs of name and module."""
    for statement in ast.parse(Path(source).read_bytes()).body:
        if isinstance(statement, ast.ImportFrom):
            module = "." * statement.level + (statement.module or "")
            yield from ((alias.asname or alias.name, module) for alias in statement.names)
