"""Reads a file of its user, and leaves another one."""

import os
from pathlib import Path

from qiskit_serverless import get_arguments, save_result

data = Path(os.environ["DATA_PATH"])
content = (data / get_arguments()["name"]).read_bytes()
(data / "from-the-program.txt").write_text("energies follow")
save_result({"read": content.hex()})
