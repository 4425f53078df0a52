"""Reads the public names and signatures of a release of the PyPI client, without installing what it depends on.

::

    python -m tools.client_surface FOLDER > tests/contract/surfaces/0.35.1.json

``FOLDER`` holds an unpacked ``qiskit_serverless``, as ``uv pip install --no-deps --target FOLDER`` makes it.
Only names, parameters and whether these have defaults are taken; no line of code, no docstring.
"""

import ast
import json
import sys
from pathlib import Path
from typing import Any, TypeAlias

PACKAGE = "qiskit_serverless"

Surface: TypeAlias = dict[str, dict[str, Any]]


def surface(folder: Path) -> Surface:
    """Return what each module offers: by its name, ``{"parameters": [...]}`` for functions, ``{"members": {...}}`` for classes.

    A name that a package takes from one of its modules is ``{"from": "module.name"}``; what other modules import is not theirs.
    """
    trees = {
        _module_name(path, folder): ast.parse(path.read_text()) for path in sorted((folder / PACKAGE).rglob("*.py"))
    }
    return {name: _names(tree, _is_package(folder, name), name) for name, tree in trees.items()}


def _module_name(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_package(folder: Path, module: str) -> bool:
    return folder.joinpath(*module.split("."), "__init__.py").is_file()


def _names(tree: ast.Module, is_package: bool, module: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and is_package:
            found |= _imported(node, module)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            found |= {name: {} for name in _assigned(node)}
        else:
            found |= _defined(node)
    return {name: entry for name, entry in sorted(found.items()) if not name.startswith("_") or name == "__version__"}


def _imported(node: ast.ImportFrom, module: str) -> dict[str, Any]:
    """Return the names that stand for something of the package itself."""
    source = node.module or ""
    if node.level:
        base = module.split(".")
        source = ".".join([*base[: len(base) - node.level + 1], *([source] if source else [])])
    if source.partition(".")[0] != PACKAGE:
        return {}
    return {alias.asname or alias.name: {"from": f"{source}.{alias.name}"} for alias in node.names}


def _defined(node: ast.stmt) -> dict[str, Any]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return {node.name: {"parameters": _parameters(node)}}
    if isinstance(node, ast.ClassDef):
        return {node.name: {"bases": [ast.unparse(base) for base in node.bases], "members": _members(node)}}
    return {}


def _members(node: ast.ClassDef) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for each in node.body:
        if isinstance(each, ast.Assign | ast.AnnAssign):
            members |= {name: {} for name in _assigned(each)}
        elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            members[each.name] = {} if _is_property(each) else {"parameters": _parameters(each)[not _is_static(each) :]}
    return {name: entry for name, entry in members.items() if not name.startswith("_") or name == "__init__"}


def _assigned(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return {ast.unparse(decorator) for decorator in node.decorator_list}


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(name == "property" or name.endswith(".setter") for name in _decorators(node))


def _is_static(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return "staticmethod" in _decorators(node)


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Return the parameters as they are written, with ``=`` after those that may be left out."""
    arguments = node.args
    positional = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    required = len(positional) - len(arguments.defaults)
    found = [name if place < required else f"{name}=" for place, name in enumerate(positional)]
    if arguments.vararg:
        found.append(f"*{arguments.vararg.arg}")
    elif arguments.kwonlyargs:
        found.append("*")
    found += [
        each.arg if default is None else f"{each.arg}="
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    return [*found, f"**{arguments.kwarg.arg}"] if arguments.kwarg else found


if __name__ == "__main__":
    print(json.dumps(surface(Path(sys.argv[1])), indent=1))
