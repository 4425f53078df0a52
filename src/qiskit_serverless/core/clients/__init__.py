"""Where releases of the PyPI client up to 0.37 keep their clients."""
