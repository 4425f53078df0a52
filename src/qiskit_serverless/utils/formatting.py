"""Where releases of the PyPI client up to 0.37 keep the names of functions."""

from qiskit_serverless.definitions import split_title


def format_provider_name_and_title(request_provider: str | None, title: str) -> tuple[str | None, str]:
    """Return provider and title of a function that may be named ``provider/title``."""
    return split_title(title, request_provider or None)
