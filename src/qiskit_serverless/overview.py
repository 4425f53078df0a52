"""A client's functions and jobs at a glance, for notebooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

from qiskit_serverless.definitions import QiskitFunction
from qiskit_serverless.statuses import shown

if TYPE_CHECKING:
    from qiskit_serverless.sync.client import ServerlessClient


@dataclass(frozen=True)
class Table:
    """Rows of text under a title.

    Attributes:
        title: What the rows are.
        heads: Names of the columns.
        rows: The rows.
    """

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def as_text(self) -> str:
        """Return the table for a terminal."""
        widths = [max(map(len, column)) for column in zip(self.heads, *self.rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (self.heads, *self.rows)]
        return "\n".join([self.title, *lines])

    def as_html(self) -> str:
        """Return the table for a notebook."""
        head = "".join(f"<th>{escape(name)}</th>" for name in self.heads)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self.rows)
        return f"<h4>{escape(self.title)}</h4><table><tr>{head}</tr>{body}</table>"


@dataclass(frozen=True)
class Overview:
    """What a notebook shows of a client.

    Attributes:
        tables: Functions, and the newest jobs.
    """

    tables: list[Table]

    def __repr__(self) -> str:
        return "\n\n".join(table.as_text() for table in self.tables)

    def _repr_html_(self) -> str:
        return "".join(table.as_html() for table in self.tables)


class JobRecord(Protocol):
    """What the overview needs of a job: its id, and what the gateway says of it."""

    job_id: str
    raw_data: dict[str, Any]


class Widget:
    """The overview of a client, under the name and with the call that notebooks know."""

    def __init__(self, provider: "ServerlessClient") -> None:
        """Take the client."""
        self.provider = provider

    def show(self) -> Overview:
        """Return the client's functions and its newest jobs."""
        return self.provider.widget()


def overview(functions: Sequence[QiskitFunction], jobs: Sequence[JobRecord]) -> Overview:
    """Return the overview of functions and jobs."""
    return Overview(
        [
            Table("Functions", ("function", "version", "description"), [_function_row(each) for each in functions]),
            Table("Newest jobs", ("job", "function", "status"), [_job_row(each) for each in jobs]),
        ]
    )


def _function_row(function: QiskitFunction) -> tuple[str, ...]:
    title = f"{function.provider}/{function.title}" if function.provider else function.title
    return title, function.version or "", function.description or ""


def _job_row(job: JobRecord) -> tuple[str, ...]:
    program = job.raw_data.get("program") or {}
    status = shown(job.raw_data.get("status") or "", job.raw_data.get("sub_status"))
    return job.job_id, str(program.get("title", "")), status
