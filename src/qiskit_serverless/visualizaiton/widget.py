"""Where releases of the PyPI client up to 0.30 keep the widget itself."""

from qiskit_serverless.overview import Widget

__all__ = ["Widget"]
