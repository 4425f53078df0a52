"""Lets ``python -m treadle.cli`` be the same as ``treadle``."""

from treadle.cli.app import main

main()
