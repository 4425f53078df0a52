"""Measure everything and print one table: ``make bench``. With names, measure only those: ``make bench ARGS="platform"``."""

import sys

from benchmarks import brought_files, databases, environments, files, listings, platform, ray_jobs, s3, tasks, values
from benchmarks.table import show

SUITES = {
    "platform": platform.findings,
    "databases": databases.findings,
    "environments": environments.findings,
    "files": files.findings,
    "brought_files": brought_files.findings,
    "listings": listings.findings,
    "ray_jobs": ray_jobs.findings,
    "s3": s3.findings,
    "tasks": tasks.findings,
    "values": values.findings,
}


def main() -> None:
    """Run the suites named on the command line, or all."""
    unknown = set(sys.argv[1:]) - set(SUITES)
    if unknown:
        raise SystemExit(f"no suite called {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    wanted = sys.argv[1:] or list(SUITES)
    show(finding for name in wanted for finding in SUITES[name]())


if __name__ == "__main__":
    main()
