"""Writes the table of the Helm chart's values: names and defaults from `values.yaml`, meanings from `values.schema.json`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[1] / "deploy" / "helm" / "treadle"
README = CHART / "README.md"
_TABLE = "| value | default | meaning |\n|---|---|---|\n"


def readme() -> str:
    """Return the page of the chart: its text as it stands, and the table made anew."""
    text, _, _ = README.read_text().partition(_TABLE)
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    return text + _TABLE + "".join(f"{row}\n" for row in _rows("", schema, values))


def _rows(path: str, schema: dict[str, Any], value: object) -> Iterator[str]:
    """Return a row for each value below `path`; of a map with names of the operator's choice, for each that has a default."""
    if schema.get("x-hidden"):
        return
    known = {} if schema.get("x-leaf") else schema.get("properties", {})
    if (
        not known
        and isinstance(schema.get("additionalProperties"), dict)
        and "properties" in schema["additionalProperties"]
    ):
        known = dict.fromkeys(value if isinstance(value, dict) else {}, schema["additionalProperties"])
    if not known:
        yield f"| `{path}` | {_written(value)} | {schema['description']} |"
    for name, below in known.items():
        yield from _rows(f"{path}.{name}".lstrip("."), below, value.get(name) if isinstance(value, dict) else None)


def _written(value: object) -> str:
    if value in ("", None, [], {}):
        return "none"
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def main() -> None:
    """Write the page."""
    README.write_text(readme())
