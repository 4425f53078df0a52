"""Where a machine of a cluster keeps what a platform has on it. Standard library only."""

import os
from pathlib import Path

HOME_VARIABLE = "TREADLE_NODE_HOME"
"""Environment variable of Ray's processes: the folder of all platforms on a machine."""


def node_home(platform: str) -> Path:
    """Return the folder of a platform on this machine: below ``TREADLE_NODE_HOME``, or ``~/.treadle/node`` without that."""
    base = os.environ.get(HOME_VARIABLE)
    return (Path(base) if base else Path.home() / ".treadle" / "node") / platform
