"""Arguments of a job as they stand on a command line: ``key=value`` and ``key=@file``."""

import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

_OPTION = "'-a' / '--argument'"


def parse_arguments(pairs: Sequence[str]) -> dict[str, Any]:
    """Return the arguments that ``key=value`` pairs name.

    A value is JSON if it can be read as JSON, else a string. ``@path`` stands for what a file holds: ``.json`` a JSON document,
    ``.qpy`` a circuit, or a list of them if there are several, ``.npy`` an array, anything else text. A value that
    begins with a real ``@`` is written with two.

    Raises:
        typer.BadParameter: A pair without a key or a value, a key that comes twice, or a file that does not hold what
            its suffix promises.
    """
    arguments: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key:
            raise typer.BadParameter(f"{pair!r} is not of the form key=value or key=@file.", param_hint=_OPTION)
        if key in arguments:
            raise typer.BadParameter(f"{key!r} is given twice.", param_hint=_OPTION)
        arguments[key] = _value(key, text)
    return arguments


def _value(key: str, text: str) -> object:
    if text.startswith("@@"):
        return text[1:]
    if text.startswith("@"):
        return _file_value(key, Path(text[1:]).expanduser())
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _file_value(key: str, path: Path) -> object:
    read = _READERS.get(path.suffix.lower(), _read_text)
    try:
        return read(path)
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, EOFError, struct.error) as error:
        reason = f"it does not hold what its suffix promises: {error}"
    raise typer.BadParameter(f"{key}=@{path}: {reason}.", param_hint=_OPTION)


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _read_json(path: Path) -> object:
    return json.loads(path.read_bytes())


def _read_qpy(path: Path) -> object:
    from qiskit import qpy
    from qiskit.exceptions import QiskitError

    with path.open("rb") as file:
        try:
            circuits = qpy.load(file)
        except QiskitError as error:
            raise ValueError(error.message) from error
    return circuits[0] if len(circuits) == 1 else circuits


def _read_npy(path: Path) -> object:
    import numpy as np

    return np.load(path, allow_pickle=False)


_READERS: dict[str, Callable[[Path], object]] = {".json": _read_json, ".qpy": _read_qpy, ".npy": _read_npy}
