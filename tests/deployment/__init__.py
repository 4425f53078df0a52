"""What stands in `deploy/`: it is well formed, agrees with itself, and names only settings and routes that there are."""

import re
from collections.abc import Iterable
from pathlib import Path

from treadle.settings import Settings

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"


def unknown_settings(names: Iterable[str]) -> set[str]:
    """Return those of the names of variables that look like settings of the platform, and are none."""
    known = {f"TREADLE_{name.upper()}" for name in Settings.model_fields}
    return {name for name in names if name.upper().startswith("TREADLE_") and name.upper() not in known}


def variables_in(text: str) -> set[str]:
    """Return every name of a variable of ours in a text."""
    return set(re.findall(r"\bTREADLE_[A-Z_]*[A-Z]\b", text))
