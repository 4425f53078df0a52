"""What the workers of a job have in common, and what they make of it."""

import json
import os
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import ray

from qiskit_serverless.spaces.job_spaces import DESCRIPTION, JobSpaces
from qiskit_serverless.tasks.budget import Budget
from qiskit_serverless.tasks.ray import folders

_OWN = frozenset(
    {"TREADLE_TASKS", "TREADLE_WORKERS_FD", "TREADLE_REPORT_FD", "TREADLE_RUNTIME_ENV", "CUDA_VISIBLE_DEVICES"}
)
"""Variables of the program's process alone."""
_OF_THE_NODE = frozenset({"TMPDIR", "TREADLE_RAY_NODE"})
"""Variables that mean something on the program's node alone."""
_LOOKED_AT = frozenset({"DATA_PATH", "FUNCTION_DATA_PATH"})
"""Where spaces are described, looking at these brings their files."""


@dataclass(frozen=True)
class JobContext:
    """What every worker of a job is told once. Ray stores it as one object.

    Attributes:
        name: Name of the job's folder on nodes where the program does not run.
        variables: The environment variables of the program.
        path: Its ``sys.path``.
        work: Its working folder.
        packed: What lies there, where the program runs on the platform and the cluster has other nodes.
        node: The node of the cluster that it runs on.
        budget: The budget of the job.
    """

    name: str
    variables: dict[str, str]
    path: tuple[str, ...]
    work: str
    packed: bytes
    node: str
    budget: Budget

    @classmethod
    def of_this_process(cls, budget: Budget) -> "JobContext":
        """Return the context of a program, taken from its process."""
        hidden = _OWN | (_LOOKED_AT if DESCRIPTION in os.environ else frozenset())
        names = [name for name in os.environ if name not in hidden and not name.startswith("RAY_")]
        variables = {name: os.environ[name] for name in names}
        work = Path.cwd()
        packed = folders.pack(work) if "ENV_JOB_ID_GATEWAY" in variables else b""
        return cls(uuid.uuid4().hex, variables, tuple(sys.path), str(work), packed, _node(), budget)

    def settle(self) -> JobSpaces | None:
        """Make this worker process one of the job, the first time it is called in it.

        Returns:
            What has to deliver the files that tasks leave behind; None where the program's supervisor does.
        """
        if self.name not in _settled:
            _settled[self.name] = self._settle()
        return _settled[self.name]

    def _settle(self) -> JobSpaces | None:
        is_away = _node() != self.node
        for name, value in self.variables.items():
            if not (is_away and name in _OF_THE_NODE):
                os.environ[name] = value
        home = self._folder() if is_away else Path(self.work).parent
        work = home / "work" if is_away else Path(self.work)
        if work.is_dir():
            os.chdir(work)
        sys.path[:] = [str(work) + path[len(self.work) :] if path.startswith(self.work) else path for path in self.path]
        return self._attach(home, is_away)

    def _folder(self) -> Path:
        node = ray._private.worker.global_worker.node
        return folders.unpack(Path(node.get_session_dir_path()) / "treadle-jobs", self.name, self.packed)

    def _attach(self, home: Path, is_away: bool) -> JobSpaces | None:
        described = self.variables.get(DESCRIPTION)
        folder = home / "spaces" if is_away or described is None else Path(json.loads(described)["folder"])
        spaces = JobSpaces.of(self.variables, folder)
        if spaces is not None:
            spaces.attach()
        return spaces if is_away else None


_settled: dict[str, JobSpaces | None] = {}
"""What this worker process has settled for: one job, as Ray gives each worker process to one driver."""


def _node() -> str:
    node: str = ray.get_runtime_context().get_node_id()
    return node
