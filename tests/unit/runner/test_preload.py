"""What a zygote does before it forks."""

import subprocess
import sys

PROGRAM = """
import os, sys
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
import gc
from qiskit_serverless.forked import assert_single_threaded
from treadle.runner.environment import thread_pools
from treadle.runner.huge_pages import collapse_memory
from treadle.runner.preload import import_libraries

import_libraries()
thread_pools()
collapse_memory()
assert_single_threaded()
print(gc.isenabled(), gc.get_freeze_count() > 100_000)
print("qiskit_ibm_runtime" in sys.modules, "ibm_platform_services.iam_identity_v1" in sys.modules)
import ibm_platform_services
print(ibm_platform_services.IamIdentityV1.__module__)
try:
    ibm_platform_services.Nothing
except AttributeError as error:
    print(error)
"""


def test_it_imports_what_programs_use_and_stays_single_threaded() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=50, check=False)

    assert done.stdout.splitlines() == [
        "True True",
        "True False",
        "ibm_platform_services.iam_identity_v1",
        "module 'ibm_platform_services' has no attribute 'Nothing'",
    ], done.stderr
