"""What is uploaded of a function: its folder, checked and packed."""

import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from qiskit_serverless.definitions import QiskitFunction
from qiskit_serverless.exceptions import InvalidArgumentError, InvalidFunctionError

_LIMIT_VARIABLE = "MAX_ARTIFACT_FILE_SIZE_MB_OVERRIDE"
_LIMIT_MEGABYTES = 50
_MEGABYTE = 1024 * 1024
_NAMED_FILES = 5
_SKIPPED = frozenset(
    {"__pycache__", ".git", ".venv", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
# The same for every file, so that the same content makes the same bytes: 1980-01-01, the oldest that ZIP knows.
_MODIFIED = 315_532_800


def artifact_of(function: QiskitFunction) -> bytes | None:
    """Return the tar file with which a function is uploaded, None for one that is an image.

    Raises:
        InvalidFunctionError: The function is neither a program nor an image, or its folder cannot be packed.
    """
    if function.image is not None:
        return None
    if function.entrypoint is None:
        raise InvalidFunctionError(f"Function {function.title!r} has neither an entrypoint nor an image.")
    return pack(function.working_dir or "./", function.entrypoint)


def pack(working_dir: str, entrypoint: str) -> bytes:
    """Return the tar file of a folder. The same content makes the same bytes, wherever and whenever it is packed.

    Links to files and folders are followed; caches, ``.git`` and ``.venv`` are left out.

    Args:
        working_dir: The folder.
        entrypoint: The program inside it, relative to it.

    Raises:
        InvalidFunctionError: The folder or the program does not exist, the program has a syntax error, or the folder is too
            big or holds something that cannot be packed.
    """
    folder = Path(working_dir)
    if not folder.is_dir():
        raise InvalidFunctionError(f"working_dir {working_dir!r} is not a folder.")
    _check_program(folder, entrypoint)
    files = dict(sorted(_files(folder)))
    _check_size(folder, files)
    return tar_of((name, os.access(path, os.X_OK), _read(path)) for name, path in files.items())


def _check_program(folder: Path, entrypoint: str) -> None:
    path = PurePosixPath(entrypoint)
    if path.is_absolute() or ".." in path.parts:
        raise InvalidFunctionError(
            f"Entrypoint {entrypoint!r} must be a path inside working_dir {str(folder)!r}, relative to it."
        )
    if not (folder / path).is_file():
        raise InvalidFunctionError(
            f"Entrypoint {entrypoint!r} does not exist in {str(folder)!r}. {_programs_in(folder)}"
        )
    try:
        compile((folder / path).read_bytes(), entrypoint, "exec", dont_inherit=True)
    except SyntaxError as error:
        line = f": {error.text.strip()}" if error.text else ""
        raise InvalidFunctionError(f"Syntax error in {entrypoint}, line {error.lineno}: {error.msg}{line}") from error
    except (ValueError, OSError) as error:  # a null byte inside; not readable
        raise InvalidFunctionError(f"Entrypoint {entrypoint!r} cannot be read as Python: {error}") from error


def _programs_in(folder: Path) -> str:
    programs = sorted(file.name for file in folder.glob("*.py"))
    return f"There is: {', '.join(programs[:_NAMED_FILES])}." if programs else "There is no .py file in it."


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files to pack, by their names in the archive."""
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=_refuse_unreadable):
        if (real := os.path.realpath(parent)) in seen:  # a link to a folder that is packed already, perhaps a circle
            raise InvalidFunctionError(f"{parent} is a link to a folder that is packed already. Remove the link.")
        seen.add(real)
        folders[:] = sorted(set(folders) - _SKIPPED)
        for name in names:
            path = Path(parent, name)
            _check_regular(path)
            yield path.relative_to(folder).as_posix(), path


def _refuse_unreadable(error: OSError) -> None:
    raise InvalidFunctionError(f"{error.filename} cannot be packed: {error.strerror}.") from error


def _check_regular(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise InvalidFunctionError(f"{path} cannot be packed: {error.strerror}.") from error
    if not stat.S_ISREG(mode):
        raise InvalidFunctionError(f"{path} cannot be packed: it is not a plain file.")


def _check_size(folder: Path, files: dict[str, Path]) -> None:
    sizes = {name: path.stat().st_size for name, path in files.items()}
    total, limit = sum(sizes.values()), _limit_megabytes()
    if total <= limit * _MEGABYTE:
        return
    biggest = sorted(sizes, key=lambda name: sizes[name], reverse=True)[:_NAMED_FILES]
    listed = ", ".join(f"{name} ({sizes[name] / _MEGABYTE:.1f} MB)" for name in biggest)
    raise InvalidFunctionError(
        f"{str(folder)!r} holds {total / _MEGABYTE:.1f} MB; at most {limit} MB can be uploaded. The biggest files: {listed}. "
        f"Move data elsewhere, or set {_LIMIT_VARIABLE}."
    )


def _limit_megabytes() -> int:
    text = os.environ.get(_LIMIT_VARIABLE) or str(_LIMIT_MEGABYTES)
    if not text.isdecimal():
        raise InvalidArgumentError(f"{_LIMIT_VARIABLE} is a number of megabytes, not {text!r}.")
    return int(text)


def tar_of(files: Iterable[tuple[str, bool, bytes | memoryview]]) -> bytes:
    """Return the tar file (POSIX.1-2001, pax) of some files. The same files make the same bytes, here and in the gateway.

    Args:
        files: Path, whether it may be executed, and content of each.
    """
    parts: list[bytes | memoryview] = []
    for path, executable, content in files:
        parts += (_header(path, executable, len(content)), content, bytes(-len(content) % tarfile.BLOCKSIZE))
    length = sum(map(len, parts)) + 2 * tarfile.BLOCKSIZE  # two empty blocks are the end
    return b"".join((*parts, bytes(2 * tarfile.BLOCKSIZE + -length % tarfile.RECORDSIZE)))


def _header(path: str, executable: bool, size: int) -> bytes:
    member = tarfile.TarInfo(path)
    member.size, member.mtime, member.mode = size, _MODIFIED, 0o755 if executable else 0o644
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidFunctionError(f"{path} cannot be packed: {error.strerror}.") from error
