"""Where release 0.18 of the PyPI client keeps the widget; the spelling is its own."""

from qiskit_serverless.overview import Widget

__all__ = ["Widget"]
