"""Makes ``qiskit_serverless/sync`` of ``qiskit_serverless/aio`` (``make sdk``).

The remote side of the SDK is written once, asynchronously. What differs in the blocking one differs by rule: words are replaced
(`RULES`), and a line may say that it is for one of the two alone::

    await self.verify()  # async only
    # sync only: self.verify()

Imports and format are put right by ruff.
"""

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
SOURCE = PROJECT / "src" / "qiskit_serverless" / "aio"
MADE = SOURCE.with_name("sync")

HEADER = "# Made from aio/{name} by `make sdk`. Change it there.\n"
PACKAGE = '"""The remote side for programs that block. Made from `qiskit_serverless.aio` by ``make sdk``; change it there."""\n'

RULES = [
    (r"^.*  # async only\n", ""),
    (r"# sync only: ", ""),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\basync(?=contextmanager\b)", ""),
    (r"\b__a(enter|exit|iter|next)__\b", r"__\1__"),
    (r"\ba(close|closing|read|iter|next|iter_bytes|iter_raw|iter_text)\b(?=\(| *$|,)", r"\1"),
    (r"\bAwaitable\[([^\[\]]+)\]", r"\1"),
    (r"\banyio\b", "time"),
    (r"\bfor (\w+) in (.+):\n +yield \1$", r"yield from \2"),
    (r"\bqiskit_serverless\.aio\b", "qiskit_serverless.sync"),
]
"""Pattern and replacement, applied in this order to whole modules, comments and docstrings included."""


def blocking(text: str) -> str:
    """Return the blocking form of a module, not yet formatted."""
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


def make(folder: Path) -> None:
    """Write the blocking modules into a folder, and remove others from it."""
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("*.py"):
        stale.unlink()
    for source in SOURCE.glob("*.py"):
        made = PACKAGE if source.stem == "__init__" else HEADER.format(name=source.name) + blocking(source.read_text())
        (folder / source.name).write_text(made)
    _ruff("check", "--fix", "--unsafe-fixes", "--select", "F401,I001", folder)
    _ruff("format", folder)


def _ruff(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "ruff", *arguments, "--quiet", "--config", PROJECT / "pyproject.toml"]
    subprocess.run(command, check=True, cwd=PROJECT)


if __name__ == "__main__":
    make(MADE)
