"""Where releases of the PyPI client up to 0.37 keep this and that."""

from typing import TYPE_CHECKING

from qiskit_serverless.lazy_names import lazy_names

if TYPE_CHECKING:
    from qiskit_serverless.loggers import get_logger, get_provider_logger
    from qiskit_serverless.runtime_service import ServerlessRuntimeService
    from qiskit_serverless.utils.errors import ErrorCodes
    from qiskit_serverless.utils.formatting import format_provider_name_and_title
    from qiskit_serverless.utils.json import JsonSerializable

__all__ = [
    "ErrorCodes",
    "JsonSerializable",
    "ServerlessRuntimeService",
    "format_provider_name_and_title",
    "get_logger",
    "get_provider_logger",
]

_MODULES = {
    "ErrorCodes": "utils.errors",
    "JsonSerializable": "utils.json",
    "ServerlessRuntimeService": "runtime_service",
    "format_provider_name_and_title": "utils.formatting",
    "get_logger": "loggers",
    "get_provider_logger": "loggers",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
