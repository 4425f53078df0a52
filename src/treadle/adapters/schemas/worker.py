"""The process in which schemas are evaluated: ``python -m treadle.adapters.schemas.worker CPU_SECONDS MEMORY_MB``.

It reads requests, one JSON object a line, and answers each with one. A request that takes too long or too much ends it: by the
kernel's signal for used-up CPU time, or because it does not get the memory. Its gateway then starts another one.
"""

import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from treadle.adapters.schemas.evaluation import MismatchError, UnusableSchemaError, check_arguments, prepared


def main() -> None:
    """Answer requests until there are no more."""
    cpu_seconds, memory_mb = float(sys.argv[1]), int(sys.argv[2])
    _limit_memory(memory_mb * 2**20)
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)  # whose signal ends the process
        answer = _answer(json.loads(line))
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _limit_memory(more: int) -> None:
    """Let the process have so many bytes of address space more than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        if request["arguments"] is None:
            prepared(request["schema"])
        else:
            check_arguments(request["schema"], request["arguments"])
    except UnusableSchemaError as error:
        return {"message": str(error)}
    except MismatchError as error:
        return {"message": str(error), "path": error.path}
    return {}


if __name__ == "__main__":
    main()
