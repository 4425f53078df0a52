"""Writes what is made from the code (``make docs``): settings, SDK compatibility, values of the chart, the command line."""

import json
import re
import subprocess
import sys
from pathlib import Path

from docs import chart, sdk_compatibility

from treadle.settings import Settings

DOCS = Path(__file__).parent
MARK = "<!-- From here on made from the code: make docs -->\n"


def settings_page() -> str:
    """Return the page of all settings."""
    rows = [_setting_row(name) for name in Settings.model_fields]
    return "\n".join(
        [
            "# Settings",
            "",
            "Each setting is an environment variable of `treadle up`.",
            "Some have an option, which wins: `--host`, `--port`, `--home`.",
            "This page is made from the code: make docs.",
            "",
            "| variable | type | default | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def cli_page() -> str:
    """Return the page of the command line: its text as it stands, and the reference made anew."""
    text, _, _ = (DOCS / "cli.md").read_text().partition(MARK)
    return text + MARK + "\n" + _cli_reference()


def main() -> None:
    """Write the pages."""
    (DOCS / "settings.md").write_text(settings_page())
    (DOCS / "cli.md").write_text(cli_page())
    chart.main()
    (DOCS / "sdk-compatibility.md").write_text(sdk_compatibility.page())


def _setting_row(name: str) -> str:
    field = Settings.model_fields[name]
    annotation = getattr(field.annotation, "__name__", None) or str(field.annotation)
    default = "from the machine" if field.default_factory else f"`{_written(field.default)}`"
    return f"| `TREADLE_{name.upper()}` | {annotation.replace(' | None', '')} | {default} | {field.description} |"


def _written(value: object) -> str:
    if isinstance(value, re.Pattern):
        return value.pattern.replace("|", "\\|")
    return str(value) if isinstance(value, Path | str) else json.dumps(value).replace("null", "none")


def _cli_reference() -> str:
    """Return typer's own description of all commands, one level of headings deeper."""
    command = [sys.executable, "-m", "typer", "treadle.cli.app", "utils", "docs", "--name", "treadle"]
    described = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return re.sub(r"^(#+ )", r"#\1", described, flags=re.MULTILINE).rstrip() + "\n"


if __name__ == "__main__":
    main()
