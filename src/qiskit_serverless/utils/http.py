"""Where releases of the PyPI client up to 0.37 keep the headers of requests."""

from qiskit_serverless.connections import given


def get_headers(token: str, instance: str | None = None, channel: str | None = None) -> dict[str, str]:
    """Return the headers that let a request in."""
    return {"Authorization": f"Bearer {token}", **given(**{"Service-Channel": channel, "Service-CRN": instance})}
