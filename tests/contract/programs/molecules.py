"""A module beside the entrypoint."""

BONDS = {"H2": 0.735}
