"""Where releases of the PyPI client up to 0.37 keep the making of addresses."""


def url_path_join(base: str, *parts: str) -> str:
    """Return an address and the parts of a path below it."""
    return "/".join([base.rstrip("/"), *parts])
