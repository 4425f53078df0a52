"""Says what its upload gave it."""

import os

import numpy as np
from molecules import BONDS

from qiskit_serverless import get_arguments, save_result

save_result({"colour": os.environ.get("COLOUR"), "bond": BONDS["H2"], "sum": int(np.sum(get_arguments()["numbers"]))})
