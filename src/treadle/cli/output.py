"""What a command shows: data on standard output, talk on standard error.

People read data as text and tables, programs as JSON (``--json``), one document per line where there are several.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

if TYPE_CHECKING:
    from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]

_WIDEST = 10_000  # characters; a table is as wide as its content, this only keeps rich from cutting it to the terminal
_STYLES = {
    "ok": "green",
    "DONE": "green",
    "warn": "yellow",
    "CANCELED": "yellow",
    "fail": "bold red",
    "ERROR": "bold red",
}

_DIFF_STYLES = {"---": "bold", "+++": "bold", "@@": "cyan", "+": "green", "-": "red"}


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command puts what it has to say."""

    as_json: bool = False

    def document(self, document: object, text: str) -> None:
        """Show one piece of data: `document` to programs, `text` to people."""
        sys.stdout.write(json.dumps(document, default=_time_for_programs) + "\n" if self.as_json else _ended(text))
        sys.stdout.flush()

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], empty: str) -> None:
        """Show rows: all of each to programs, the named columns to people.

        Args:
            rows: The data.
            columns: Key in a row to heading of its column.
            empty: What people are told when there are no rows.
        """
        if self.as_json:
            self.document(list(rows), "")
        elif rows:
            _print_table(rows, columns)
        else:
            self.say(empty)

    def fields(self, document: Mapping[str, Any]) -> None:
        """Show one object, for people as lines of name and value."""
        width = max(len(name) for name in document)
        self.document(document, "\n".join(f"{name:<{width}}  {_plain(value)}" for name, value in document.items()))

    def diff(self, text: str) -> None:
        """Show a unified diff, in colours on a terminal."""
        console = _console(sys.stdout)
        for line in text.removesuffix("\n").split("\n"):
            style = next((style for prefix, style in _DIFF_STYLES.items() if line.startswith(prefix)), "")
            console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)

    def log(self, text: str) -> None:
        """Show a piece of a program's log, as it is."""
        sys.stdout.write(json.dumps({"log": text}) + "\n" if self.as_json else text)
        sys.stdout.flush()

    def status(self, status: str) -> None:
        """Show that a job's status is now `status`: data for programs, talk for people."""
        if self.as_json:
            self.document({"status": status}, "")
        else:
            _console(sys.stderr).print(status, style=_STYLES.get(status, "cyan"), highlight=False)

    def say(self, message: str) -> None:
        """Tell people something that is not data."""
        sys.stderr.write(_ended(message))
        sys.stderr.flush()

    def error(self, message: str, hint: str = "") -> None:
        """Tell what went wrong and what to do."""
        console = _console(sys.stderr)
        console.print("[bold red]Error:[/]", _escaped(message), highlight=False, soft_wrap=True)
        if hint:
            console.print("[bold]Hint:[/]", _escaped(hint), highlight=False, soft_wrap=True)


def function_name(title: str, provider: str | None) -> str:
    """Return the name of a function as people write it."""
    return f"{provider}/{title}" if provider else title


def styled(word: str) -> str:
    """Return a level or status in rich's markup."""
    style = _STYLES.get(word)
    return f"[{style}]{word}[/]" if style else word


def time_of(text: str | None) -> datetime | None:
    """Return a time that the gateway has told as ISO 8601 text: people read it in their own zone, programs in UTC."""
    return None if text is None else datetime.fromisoformat(text)


def _time_for_programs(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} is no JSON")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


def _plain(value: object) -> str:
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return value if isinstance(value, str) else "-" if value is None else json.dumps(value)


def _console(file: TextIO) -> "Console":
    from rich.console import Console

    return Console(file=file)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Print a table as wide as its content: never cut off, so that it can be searched and copied from."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for key, heading in columns.items():
        numbers = all(isinstance(row[key], int | float) and not isinstance(row[key], bool) for row in rows)
        table.add_column(heading, no_wrap=True, justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(styled(_escaped(_plain(row[key]))) for key in columns))
    console = _console(sys.stdout)
    console.width = _WIDEST
    console.print(table, highlight=False)
