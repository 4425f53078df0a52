"""Compares the SDK with releases of the PyPI client, by the names and signatures in ``tests/contract/surfaces``."""

import dataclasses
import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any

from qiskit_serverless.serialization.tags import Value

SURFACES = Path(__file__).parents[1] / "tests" / "contract" / "surfaces"
MISSING = object()

_TRACING = "Traces by OpenTelemetry: the SDK makes none, and needs no such library. Programs may make their own."
_RAY = "Ray's own: a function that names Ray among its dependencies has it from `ray`."
_TYPES = "A type for annotations inside the client; write `str`."
_FILES = "Inner part of the client: use its methods `files`, `file_upload`, `file_download`, `file_delete` and `provider_...`."
_REQUESTS = "Inner part of the client, tied to `requests`, which the SDK does not use."
_STORAGE = "A wrapper of boto3 that no program on a gateway needs; use an S3 library, or files at `DATA_PATH`."
_WIDGET = "Inner part of the widget: what `show()` returns shows itself."

REASONS: dict[str, str] = {
    "qiskit_serverless.core.constants.O*": _TRACING,
    "qiskit_serverless.core.constants.QS_*": _TRACING,
    "qiskit_serverless.core.constants.META_TOPIC": _TRACING,
    "qiskit_serverless.core.constants.JOB_ARGUMENTS_FILE": "Arguments are in the file that `ARGUMENTS_PATH` names.",
    "qiskit_serverless.core.tracing.*": _TRACING,
    "qiskit_serverless.core.decorators.trace_decorator_factory": _TRACING,
    "qiskit_serverless.core*.CircuitMeta*": _TRACING,
    "qiskit_serverless.core*.fetch_execution_meta": _TRACING,
    "qiskit_serverless.core.decorators.Numeric": _TYPES,
    "qiskit_serverless.core.decorators.ENTRYPOINT_CONTENT": "The text of a program that the client makes; ours is another.",
    "qiskit_serverless.core*.remote": _RAY,
    "qiskit_serverless.core.job.RuntimeEnv": _RAY,
    "qiskit_serverless.core.enums.Channel.IBM_QUANTUM": "IBM has closed this channel; `ibm_quantum_platform` follows it.",
    "qiskit_serverless.core.files.*": _FILES,
    "qiskit_serverless.core.function.*Type": _TYPES,
    "qiskit_serverless.core.job.*Type": _TYPES,
    "qiskit_serverless.core.job.INVERSE_STATUS_MAP": "Inner part of the client: `jobs(status=...)` takes either name.",
    "qiskit_serverless.core.local_functions_store.*": "Inner part of `LocalClient`, which runs functions on the platform now.",
    "qiskit_serverless.serializers.program_serializers.QiskitObjectsEncoder.default": (
        "Its parameter is called `o`, as in the standard library, and is given by position."
    ),
    "qiskit_serverless.utils.*Storage": _STORAGE,
    "qiskit_serverless.utils.storage.*": _STORAGE,
    "qiskit_serverless.utils.json.*": _REQUESTS,
    "qiskit_serverless.utils.runtime_service_client.ServerlessRuntimeService.run": (
        "Primitives start QPU jobs; what they start is recorded. The runtime client itself has no such method any more."
    ),
    "qiskit_serverless.visuali*.widget.TABLE_STYLE": _WIDGET,
    "qiskit_serverless.visuali*.widget.Widget.*": _WIDGET,
}
"""Why something is not here, or otherwise than in a release: pattern of names to reason."""

_PAGE = """\
# The SDK and the releases of the PyPI client

Programs and notebooks that were written for a release of `qiskit-serverless` from 0.18 to 0.37 run unchanged with this SDK.
This page compares, name by name, what {releases} offer with what is here.
It is made from the code: make docs. A test fails when a name of a release is missing here without a reason.

`=` the release offers it with the parameters that stand under *here*; otherwise the parameters of the release; `-` not in
this release. `name=` is a parameter that may be left out. *same* is something that is not called.

Two things are otherwise on purpose. The first positional argument of `ServerlessClient` is the host, as since 0.35; before, it
was a name, which may be given as `name=` and means nothing. And `result()` waits for the end of the job by its events instead of
asking every 30 seconds; `cadence` counts only with gateways that have no events.

"""


@dataclass(frozen=True)
class Entry:
    """Something that releases offer.

    Attributes:
        name: Its full name.
        releases: Its parameters by release, as they are written; None where it is no function.
    """

    name: str
    releases: dict[str, list[str] | None]

    @property
    def here(self) -> Value:
        """What the SDK has by this name, or `MISSING`."""
        return _found(self.name)

    def differences(self) -> dict[str, str]:
        """Return what is otherwise here than in releases, by release."""
        here = self.here
        if here is MISSING:
            return dict.fromkeys(self.releases, "is not here")
        told = {release: _refused(here, parameters) for release, parameters in self.releases.items() if parameters}
        return {release: text for release, text in told.items() if text}

    @property
    def reason(self) -> str:
        """Why it is not here, or otherwise; empty if there is no reason."""
        return next((reason for pattern, reason in REASONS.items() if fnmatchcase(self.name, pattern)), "")


def entries() -> list[Entry]:
    """Return everything that any release offers."""
    found: dict[str, dict[str, list[str] | None]] = {}
    for path in sorted(SURFACES.glob("*.json")):
        for name, parameters in _offered(json.loads(path.read_text())):
            found.setdefault(name, {})[path.stem] = parameters
    return [Entry(name, releases) for name, releases in sorted(found.items())]


def _offered(surface: dict[str, dict[str, Any]]) -> Iterator[tuple[str, list[str] | None]]:
    for module, names in surface.items():
        for name, entry in names.items():
            yield f"{module}.{name}", entry.get("parameters")
            for member, each in entry.get("members", {}).items():
                yield f"{module}.{name}.{member}", each.get("parameters")


def _found(name: str) -> Value:
    parts = name.split(".")
    for place in range(len(parts) - 1, 0, -1):
        try:
            found: Any = import_module(".".join(parts[:place]))
        except ModuleNotFoundError:
            continue
        for part in parts[place:]:
            found = _member(found, part)
        return found
    return MISSING


def _member(owner: Value, name: str) -> Value:
    if inspect.isclass(owner) and dataclasses.is_dataclass(owner) and name in owner.__dataclass_fields__:
        return owner.__dataclass_fields__[name]
    return getattr(owner, name, MISSING)


def _refused(here: Value, parameters: list[str]) -> str:
    """Return which call of a release is refused here; empty if none is."""
    named = [each for each in parameters if not each.startswith("*")]
    required = [each for each in named if not each.endswith("=")]
    calls: list[tuple[list[str], dict[str, None]]] = [
        (required, {}),
        ([], dict.fromkeys(required)),
        ([], dict.fromkeys(each.rstrip("=") for each in named)),
    ]
    signature = inspect.signature(here)
    bound: list[Any] = [None] if _takes_self(here) else []
    for positional, keywords in calls:
        try:
            signature.bind(*bound, *positional, **keywords)
        except TypeError as error:
            return str(error)
    return ""


def _takes_self(here: Value) -> bool:
    return inspect.isfunction(here) and next(iter(inspect.signature(here).parameters), "") == "self"


def page() -> str:
    """Return the page."""
    found = entries()
    releases = sorted({release for entry in found for release in entry.releases})
    here = [entry for entry in found if not entry.differences()]
    otherwise = [entry for entry in found if entry.differences()]
    modules: dict[str, list[Entry]] = {}
    for entry in here:
        modules.setdefault(_module_of(entry.name), []).append(entry)
    parts = [_PAGE.format(releases=", ".join(releases)), _not_here(otherwise)]
    return "".join([*parts, *(_table(module, rows, releases) for module, rows in modules.items())]).rstrip() + "\n"


def _not_here(entries: list[Entry]) -> str:
    """Return the table of what is not here, or otherwise: the names that have a reason in common stand together."""
    names: dict[str, list[str]] = {}
    for entry in entries:
        names.setdefault(entry.reason, []).append(f"`{entry.name.removeprefix('qiskit_serverless.')}` ({_span(entry)})")
    rows = [f"| {', '.join(each)} | {reason} |" for reason, each in names.items()]
    return "\n".join(["## Not here, or otherwise", "", "| names and releases | reason |", "|---|---|", *rows, "", ""])


def _span(entry: Entry) -> str:
    releases = list(entry.differences())
    return releases[0] if len(releases) == 1 else f"{releases[0]} - {releases[-1]}"


def _table(module: str, rows: list[Entry], releases: list[str]) -> str:
    head = f"| name | {' | '.join(releases)} | here |"
    lines = [
        f"## {module}",
        "",
        head,
        "|---" * (len(releases) + 2) + "|",
        *(_row(module, each, releases) for each in rows),
    ]
    return "\n".join([*lines, "", ""])


def _row(module: str, entry: Entry, releases: list[str]) -> str:
    here = _written(entry.here) if any(entry.releases.values()) else "same"
    cells = [_cell(entry, release, here) for release in releases]
    return f"| `{entry.name.removeprefix(module + '.')}` | {' | '.join(cells)} | {_code(here)} |"


def _cell(entry: Entry, release: str, here: str) -> str:
    if release not in entry.releases:
        return "-"
    parameters = entry.releases[release]
    written = here if parameters is None else f"({', '.join(parameters)})"
    return "=" if written == here or here == "same" else _code(written)


def _code(text: str) -> str:
    return text if text == "same" else f"`{text}`"


def _written(here: Value) -> str:
    """Return parameters as `tools.client_surface` writes them."""
    parameters = list(inspect.signature(here).parameters.values())[_takes_self(here) :]
    written, is_keyword_only = [], False
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not is_keyword_only:
            is_keyword_only = True
            written.append("*")
        is_keyword_only = is_keyword_only or each.kind is each.VAR_POSITIONAL
        prefix = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
        written.append(f"{prefix}{each.name}" + ("" if each.default is each.empty else "="))
    return f"({', '.join(written)})"


def _module_of(name: str) -> str:
    """Return the longest part of a name that is a module."""
    parts = name.split(".")
    modules = {module for path in SURFACES.glob("*.json") for module in json.loads(path.read_text())}
    return next(".".join(parts[:place]) for place in range(len(parts), 0, -1) if ".".join(parts[:place]) in modules)
