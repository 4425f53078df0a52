"""A platform with the simulated engine: ``python -m benchmarks.scale.platform HOME FLEET`` prints its URL when it is ready."""

import socket
import sys
from pathlib import Path

from benchmarks.scale.engine import SimulatedEngine
from treadle.composition import build, run
from treadle.home_folder import make
from treadle.services.engines import Engines
from treadle.settings import Settings


def main() -> None:
    """Serve until SIGTERM."""
    home, fleet = Path(sys.argv[1]), sys.argv[2]
    make(home)
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        gateway = build(Settings(home=home), url, Engines({"local": SimulatedEngine(fleet)}))
        run(gateway, listener, lambda: print(url, flush=True))


if __name__ == "__main__":
    main()
