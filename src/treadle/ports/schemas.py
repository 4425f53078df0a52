"""Where JSON Schemas of arguments are evaluated: both come from users, and neither may harm the platform."""

from typing import Protocol


class ArgumentSchemas(Protocol):
    """Checks schemas, and arguments against them, within limits of time and memory."""

    async def check(self, schema: str) -> None:
        """Check that a schema can be used.

        Args:
            schema: JSON text.

        Raises:
            treadle.domain.errors.InvalidError: It cannot, with the reason.
        """

    async def validate(self, schema: str, arguments: str) -> None:
        """Check arguments against a schema.

        Args:
            schema: JSON text of a schema that was checked before.
            arguments: What a user sent, which should be JSON text.

        Raises:
            treadle.domain.errors.InvalidError: They do not match, with the path to the value that does not.
        """
