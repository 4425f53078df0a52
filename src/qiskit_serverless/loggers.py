"""Loggers for functions of providers: each line says whether the caller or the provider is to read it.

A line that begins with ``[PUBLIC]`` goes to who runs the function, one with ``[PRIVATE]`` to its provider. In a function of your
own there is only one reader, you, and the marks are taken off.
"""

import logging


class PrefixFormatter(logging.Formatter):
    """A formatter that puts a mark before each line of a message.

    Attributes:
        prefix: The mark.
    """

    def __init__(self, prefix: str, fmt: str | None = None) -> None:
        """Take the mark, and the format of a line."""
        super().__init__(fmt)
        self.prefix = prefix

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a message, its traceback included, each with the mark and the level."""
        lines = self._lines_of(record)
        return "\n".join(f"{self.prefix} {record.levelname}: {line}" for line in lines)

    def _lines_of(self, record: logging.LogRecord) -> list[str]:
        text = super().format(record)
        return text.splitlines() or [""]


def get_logger() -> logging.Logger:
    """Return the logger for who runs the function. It writes to stderr, from level INFO on."""
    return _logger("user", "[PUBLIC]")


def get_provider_logger() -> logging.Logger:
    """Return the logger for the provider of the function. It writes to stderr, from level INFO on."""
    return _logger("provider", "[PRIVATE]")


def _logger(name: str, prefix: str) -> logging.Logger:
    logger = logging.getLogger(name)
    if not any(isinstance(handler.formatter, PrefixFormatter) for handler in logger.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(PrefixFormatter(prefix))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    return logger
