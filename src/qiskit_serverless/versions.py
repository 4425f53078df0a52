"""Versions of functions, and what is different between two of them."""

import difflib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_COMPARED = ("entrypoint", "dependencies", "env_vars", "description", "version", "arguments_schema")
_LARGEST_TEXT = 256 * 1024  # bytes; of larger files only that they changed is told


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """What one upload of a function fixed.

    Attributes:
        number: Its number; the first upload of a function made number 1.
        label: The author's own label, e.g. ``1.2.0``, None if there is none.
        digest: SHA-256 of all that was fixed, in hexadecimal: equal uploads have the same.
        created: When it was uploaded, as ISO 8601 text.
        author: Who uploaded it.
        current: Whether new jobs run it.
        current_since: Since when, as ISO 8601 text; None if they run another one.
        current_by: Who uploaded it or rolled back to it then; None if they run another one.
        raw_data: What the gateway said of it.
    """

    number: int
    label: str | None
    digest: str | None
    created: str
    author: str
    current: bool
    current_since: str | None
    current_by: str | None
    raw_data: dict[str, Any] = field(compare=False)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "FunctionVersion":
        """Return the version that the gateway describes."""
        return cls(
            data["number"],
            data["version"],
            data["digest"],
            data["created"],
            data["author"],
            data["current_since"] is not None,
            data["current_since"],
            data["current_by"],
            data,
        )

    def __repr__(self) -> str:
        name = VersionName(self.number, self.label)
        current = ", current" if self.current else ""
        return f"<FunctionVersion {name} of {self.created} by {self.author}{current}>"


@dataclass(frozen=True, slots=True)
class VersionName:
    """How a version is called.

    Attributes:
        number: Its number.
        label: The author's own label, None if there is none.
    """

    number: int
    label: str | None = None

    def __str__(self) -> str:
        return f"{self.number} ({self.label})" if self.label else str(self.number)


@dataclass(frozen=True, slots=True)
class VersionFile:
    """A file of a version.

    Attributes:
        path: Where it lies in the function's folder.
        size: Its size in bytes.
        executable: Whether it may be executed.
        sha256: SHA-256 of its content, in hexadecimal.
    """

    path: str
    size: int
    executable: bool
    sha256: str

    @property
    def is_small(self) -> bool:
        """Whether it is small enough to be compared line by line."""
        return self.size <= _LARGEST_TEXT


@dataclass(frozen=True, slots=True)
class VersionDifference:
    """What is different between two versions of a function. Its text is a unified diff, as ``git diff`` shows it.

    Attributes:
        old: Number of the one version.
        new: Number of the other.
        fields: What else than files is different: the values of both, by name. Of environment variables only the names are told.
        added: Paths of the files that only `new` has.
        removed: Paths of the files that only `old` has.
        changed: Paths of the files that are different.
        texts: Unified diff of each of these files, by path.
    """

    old: int
    new: int
    fields: dict[str, tuple[Any, Any]]
    added: list[str]
    removed: list[str]
    changed: list[str]
    texts: dict[str, str]

    def __bool__(self) -> bool:
        return bool(self.fields or self.texts)

    def __str__(self) -> str:
        named = [("label" if name == "version" else name, pair) for name, pair in self.fields.items()]
        fields = [f"{name}: {old!r} -> {new!r}\n" for name, (old, new) in named]
        return "".join([*fields, *self.texts.values()])


def changed_fields(old: FunctionVersion, new: FunctionVersion) -> dict[str, tuple[Any, Any]]:
    """Return what else than files is different between two versions: the values of both, by name."""
    pairs = {name: (old.raw_data[name], new.raw_data[name]) for name in _COMPARED}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def changed_paths(old: Mapping[str, VersionFile], new: Mapping[str, VersionFile]) -> list[str]:
    """Return the paths at which two versions have different files, in order."""
    return sorted(path for path in {*old, *new} if old.get(path) != new.get(path))


def text_difference(path: str, old: VersionFile | None, new: VersionFile | None, contents: Mapping[str, bytes]) -> str:
    """Return the unified diff of a file that is different in two versions.

    Args:
        path: Its path.
        old: The file in the one version, None if it has none there.
        new: The file in the other.
        contents: Content by SHA-256; what is not there was too large to be compared.
    """
    before, after = (_lines(file, contents) for file in (old, new))
    names = [f"a/{path}" if old else "/dev/null", f"b/{path}" if new else "/dev/null"]
    mode = _mode_change(path, old, new)
    if before is None or after is None:
        return f"{mode}Files {names[0]} and {names[1]} differ ({_size(old)} -> {_size(new)})\n"
    lines = [*difflib.unified_diff(before, after, fromfile=names[0], tofile=names[1])]
    if not lines and (old is None or new is None):
        lines = [f"--- {names[0]}\n", f"+++ {names[1]}\n"]  # an empty file
    return mode + "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(file: VersionFile | None, contents: Mapping[str, bytes]) -> list[str] | None:
    """Return the lines of a file, None if it is no text or too large."""
    if file is None:
        return []
    content = contents.get(file.sha256)
    if content is None or b"\0" in content:
        return None
    try:
        return [*io.StringIO(content.decode(), newline="\n")]
    except UnicodeDecodeError:
        return None


def _mode_change(path: str, old: VersionFile | None, new: VersionFile | None) -> str:
    if old is None or new is None or old.executable == new.executable:
        return ""
    return f"{path} is {'now' if new.executable else 'no longer'} executable\n"


def _size(file: VersionFile | None) -> str:
    return f"{file.size} bytes" if file else "none"
