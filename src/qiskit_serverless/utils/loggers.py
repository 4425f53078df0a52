"""Where releases of the PyPI client up to 0.37 keep loggers."""

from qiskit_serverless.loggers import PrefixFormatter, get_logger, get_provider_logger

__all__ = ["PrefixFormatter", "get_logger", "get_provider_logger"]
