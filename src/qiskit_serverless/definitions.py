"""What a function is: the program, and what it needs to be run."""

import json
from dataclasses import InitVar, dataclass, fields
from typing import Any, ClassVar

from qiskit_serverless.connections import given
from qiskit_serverless.exceptions import InvalidArgumentError


@dataclass
class QiskitFunction:
    """A program and what it needs to be run as a function.

    Attributes:
        title: Its name. ``provider/title`` names the provider as well.
        provider: The organisation that publishes it, None for your own.
        entrypoint: The program, relative to `working_dir`, e.g. ``main.py``.
        working_dir: The folder that is uploaded, at most 50 MB.
        env_vars: Environment variables of its jobs.
        dependencies: Requirements, e.g. ``pendulum==3.0.0``.
        description: Text for people.
        version: Your own version label (PEP 440), e.g. ``1.2.0``.
        tags: Labels of your own; they stay here.
        raw_data: What the gateway said of it.
        image: Container image to run instead of a folder, for providers.
        runner: The kind of engine it asks for.
        arguments_schema: JSON Schema of its arguments as they are encoded, or None.
        type: ``GENERIC``, ``APPLICATION`` or ``CIRCUIT``.
        sizes_map: The sizes it can be run at: compute profile by label, e.g. ``{"s": "cx3d-4x10"}``. None leaves what an earlier
            upload said, an empty dictionary removes it.
        default_size: The size of a run that names none.
    """

    GENERIC: ClassVar[str] = "GENERIC"
    APPLICATION: ClassVar[str] = "APPLICATION"
    CIRCUIT: ClassVar[str] = "CIRCUIT"

    title: str
    provider: str | None = None
    entrypoint: str | None = None
    working_dir: str | None = "./"
    env_vars: dict[str, str] | None = None
    dependencies: list[str] | None = None
    description: str | None = None
    version: str | None = None
    tags: list[str] | None = None
    raw_data: dict[str, Any] | None = None
    image: str | None = None
    runner: str = "ray"
    arguments_schema: dict[str, Any] | bool | None = None
    type: str = GENERIC
    sizes_map: dict[str, str] | None = None
    default_size: str | None = None
    validate: InitVar[bool] = True
    schema: InitVar[str | None] = None

    def __post_init__(self, validate: bool, schema: str | None) -> None:
        """Take ``provider/title`` apart. `validate` and `schema` were read by no release; old programs may pass them."""
        self.provider, self.title = split_title(self.title, self.provider)

    def __str__(self) -> str:
        return f"QiskitFunction({self.provider}/{self.title})" if self.provider else f"QiskitFunction({self.title})"

    __repr__ = __str__

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "QiskitFunction":
        """Return the function that the gateway describes; what is not known here stands in `raw_data` only."""
        return cls(**known_fields(data))

    def as_form(self) -> dict[str, str]:
        """Return the fields of the form with which it is uploaded."""
        form = {
            "title": self.title,
            "provider": self.provider,
            "entrypoint": self.entrypoint,
            "image": self.image,
            "runner": self.runner,
            "type": self.type,
            "arguments": "{}",
            "dependencies": json.dumps(self.dependencies or []),
            "env_vars": json.dumps(self.env_vars or {}),
            "description": self.description,
            "version": self.version,
            "arguments_schema": None if self.arguments_schema is None else json.dumps(self.arguments_schema),
            "sizes": None if self.sizes_map is None else json.dumps(self.sizes_map),
            "default_size": self.default_size,
        }
        return given(**form)


class QiskitPattern(QiskitFunction):
    """A function, under the name it had before release 0.10."""


@dataclass
class Configuration:
    """How many workers run the tasks of a job: by default as many as its budget has room for.

    Attributes:
        workers: A fixed number of workers: so many tasks run at the same time.
        min_workers: With `auto_scaling`, how many are kept ready.
        max_workers: With `auto_scaling`, how many there are at most.
        auto_scaling: Whether there are as many as tasks need, between `min_workers` and `max_workers`.
    """

    workers: int | None = None
    min_workers: int | None = None
    max_workers: int | None = None
    auto_scaling: bool | None = False


def split_title(title: str, provider: str | None) -> tuple[str | None, str]:
    """Return provider and title of a function that may be named ``provider/title``.

    Raises:
        InvalidArgumentError: The name has two slashes, or names another provider than the one given.
    """
    named, slash, rest = title.partition("/")
    if not slash:
        return provider, title
    if "/" in rest:
        raise InvalidArgumentError(f"The title {title!r} has more than one slash; it is title or provider/title.")
    if provider not in (None, named):
        raise InvalidArgumentError(f"The title {title!r} and the provider {provider!r} name different providers.")
    return named, rest


def known_fields(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of `QiskitFunction` that a gateway's record has. Some of them are JSON inside JSON."""
    named = {**data, "sizes_map": data["sizes"]} if "sizes" in data else data
    known = {field.name: named[field.name] for field in fields(QiskitFunction) if field.name in named}
    for name in ("dependencies", "env_vars", "arguments_schema", "sizes_map"):
        if isinstance(known.get(name), str):
            known[name] = json.loads(known[name] or "null")
    if known.get("arguments_schema") == {}:
        known["arguments_schema"] = None
    return {**known, "raw_data": {key: value for key, value in data.items() if key != "client"}}
