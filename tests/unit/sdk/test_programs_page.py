"""The page about programs says what is so: its programs run as scripts, and show what it promises."""

import os
import sys
from pathlib import Path

from qiskit_serverless.serialization import loads
from tests.running_platform import clean_environment
from tests.test_docs import DOCS, follow


def test_the_page_runs_from_top_to_bottom(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**clean_environment(), "PATH": path, "HOME": str(tmp_path)}

    shown = follow(DOCS / "programs-and-tasks.md", tmp_path, variables)

    alone, _, with_arguments, refused, service, tasks = shown
    energy, result = alone.splitlines()
    assert energy.startswith("energy ")
    assert result.startswith("Result, not saved because this is not a job: {'circuit': <qiskit")
    assert with_arguments.startswith("energy ")
    saved = loads((tmp_path / "result.json").read_text())
    assert saved["circuit"].num_qubits == 3
    assert with_arguments == f"energy {saved['energy']:.3f}\n"
    assert refused.splitlines() == [
        "result[\"a\"][3]: <class 'builtin_function_or_method'> cannot be stored",
        'result["a"][3]',
    ]
    assert service.splitlines()[1] == "127"
    assert service.splitlines()[2].startswith("fake_")
    assert tasks.splitlines()[0] == "2 are ready, 4 to go"
    assert "'depths': [" in tasks
