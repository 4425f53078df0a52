"""Circuits for readers with an older Qiskit."""

from typing import Protocol


class CircuitWriter(Protocol):
    """Writes the circuits in JSON text again, in an older version of QPY, the format of Qiskit's circuits."""

    async def in_version(self, text: str, version: int) -> str:
        """Return JSON text whose circuits a Qiskit can read that knows QPY up to `version`.

        A circuit for which that is impossible stays as it is.
        """
