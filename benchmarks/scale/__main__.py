"""``make bench-scale``."""

from benchmarks.scale.findings import findings
from benchmarks.table import show

if __name__ == "__main__":
    show(findings())
