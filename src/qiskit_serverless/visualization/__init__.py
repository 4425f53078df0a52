"""Where releases of the PyPI client from 0.19 to 0.30 keep the widget."""

from qiskit_serverless.overview import Widget

__all__ = ["Widget"]
