"""Circuits in JSON text, written again in an older version of QPY, for a reader whose Qiskit is older than the writer's.

Looking for them needs no Qiskit. As a program (``python -m qiskit_serverless.serialization.qpy_versions N``) it copies
standard input to standard output and writes the circuits that are newer than version N again.
"""

import base64
import binascii
import io
import re
import sys
import zlib
from collections.abc import Callable
from typing import Any

OLDEST = 13
"""The oldest version that Qiskit still writes. Qiskit 1.3 and all later ones read it."""

# Raw quotes cannot stand inside a JSON string, so this finds values only. Neither the runtime client nor we escape base64.
_CIRCUIT = re.compile(r'(?<="__type__":)( ?"(?:QuantumCircuit|Instruction)", ?"__value__": ?")([A-Za-z0-9+/]+=*)(?=")')
_MAGIC = b"QISKIT"
_LOST_WITHOUT_A_WORD = b"PauliEvolutionGate"  # of a SparseObservable: written in all versions, read in the newest only
_START = 128  # characters of base64 that surely hold the compressed form of the first bytes of a QPY file


def newest_version(text: str) -> int:
    """Return the newest QPY version in which a circuit of a JSON text is written; 0 if there is none."""
    return max((_version(found[2]) for found in _CIRCUIT.finditer(text)), default=0)


def rewrite(text: str, version: int) -> str:
    """Return JSON text whose circuits are written in a QPY version or an older one.

    A circuit that has something which that version cannot carry stays as it is: its reader then says what it lacks.

    Args:
        text: As the runtime client or `qiskit_serverless.serialization.dumps` wrote it.
        version: At least `OLDEST`.
    """
    return _CIRCUIT.sub(_rewriter(version), text)


def _version(encoded: str) -> int:
    """Return the version in the header of a QPY file, 0 if this is none."""
    try:
        start = zlib.decompressobj().decompress(base64.b64decode(encoded[:_START]), len(_MAGIC) + 1)
    except (binascii.Error, zlib.error):
        return 0
    return start[-1] if start.startswith(_MAGIC) and len(start) > len(_MAGIC) else 0


def _rewriter(version: int) -> Callable[[re.Match[str]], str]:
    from qiskit import qpy

    def written_again(found: re.Match[str]) -> str:
        if _version(found[2]) <= version:
            return found[0]
        circuits = qpy.load(io.BytesIO(zlib.decompress(base64.b64decode(found[2]))))
        file = io.BytesIO()
        try:
            qpy.dump(circuits, file, version=version)
        except qpy.QpyError:
            return found[0]
        if _LOST_WITHOUT_A_WORD in file.getvalue() and not _are(circuits, file):
            return found[0]
        return found[1] + base64.b64encode(zlib.compress(file.getbuffer(), 1)).decode("ascii")

    return written_again


def _are(circuits: list[Any], file: io.BytesIO) -> bool:
    from qiskit import qpy

    file.seek(0)
    try:
        return bool(qpy.load(file) == circuits)
    except qpy.QpyError:
        return False


def main() -> None:
    """Copy standard input to standard output, with the version of QPY that is the only argument."""
    sys.stdout.write(rewrite(sys.stdin.read(), int(sys.argv[1])))


if __name__ == "__main__":
    main()
