"""What grows with the number of jobs: a long queue, many running jobs. The engine is simulated, all else is real.

``make bench-scale``. docs/scale.md derives from these numbers what a million jobs a day take.
"""
