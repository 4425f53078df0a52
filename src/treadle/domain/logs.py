"""Log text as its readers see it.

Loggers mark lines with ``[PUBLIC]`` and ``[PRIVATE]``. Whoever runs a provider's function sees the public lines, the provider all
others. A function without a provider has no private lines: its author sees all. Nobody sees the marks.
"""

import re
from dataclasses import dataclass
from enum import Enum

_PUBLIC_MARK = re.compile(rb"^\[PUBLIC\] ?", re.IGNORECASE | re.MULTILINE)
_PRIVATE_MARK = re.compile(rb"^\[PRIVATE\] ?", re.IGNORECASE | re.MULTILINE)
_ANY_MARK = re.compile(rb"^(?:\[PUBLIC\]|\[PRIVATE\]) ?", re.IGNORECASE | re.MULTILINE)
_PUBLIC_LINE = re.compile(rb"^\[PUBLIC\] ?(.*\n?)", re.IGNORECASE | re.MULTILINE)
LONGEST_MARK = len(b"[PRIVATE] ")


class LogView(Enum):
    """Which lines of a log its reader sees."""

    ALL = "all"
    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Line:
    """The line within which a part of a log begins.

    Attributes:
        public: Whether it is marked as public.
    """

    public: bool

    @classmethod
    def of(cls, start: bytes) -> "Line":
        """Return what the first bytes of a line tell about it."""
        return cls(_PUBLIC_MARK.match(start) is not None)

    def is_in(self, view: LogView) -> bool:
        """Return whether a reader sees it."""
        return view is LogView.ALL or self.public is (view is LogView.PUBLIC)


def shown(log: bytes, view: LogView, within: Line | None = None) -> bytes:
    """Return what a reader sees of a log.

    Args:
        log: The log, or a part of it.
        view: Which lines the reader sees.
        within: The line within which the part begins; None if it begins a line.
    """
    if within is not None:
        rest, line_end, lines = log.partition(b"\n")
        return (rest + line_end if within.is_in(view) else b"") + shown(lines, view)
    if view is LogView.PUBLIC:
        return b"".join(_PUBLIC_LINE.findall(log))
    if view is LogView.PRIVATE:
        return _PRIVATE_MARK.sub(b"", _PUBLIC_LINE.sub(b"", log))
    return _ANY_MARK.sub(b"", log)


def line_after(log: bytes, within: Line | None = None) -> Line | None:
    """Return the line that goes on after a part of a log; None if the part ends with a line.

    Args:
        log: The part.
        within: The line within which the part begins; None if it begins a line.
    """
    start = log.rfind(b"\n") + 1
    if start == len(log):
        return within if not log else None
    return within if start == 0 and within is not None else Line.of(log[start : start + LONGEST_MARK])


def complete_part(log: bytes, within: Line | None = None, *, ended: bool) -> int:
    """Return how many bytes of a growing log can be shown now.

    Whole lines always. Of a line that has not ended: nothing as long as it may be a mark or part of one; then its whole
    characters, so that a progress bar without line ends is seen too. All of it once the log has `ended`.

    Args:
        log: What is there from some byte on.
        within: The line within which it begins; None if it begins a line.
        ended: Whether nothing more will come.
    """
    if ended:
        return len(log)
    line_start = log.rfind(b"\n") + 1
    is_known = line_start == 0 and within is not None
    if len(log) - line_start <= LONGEST_MARK and not is_known:
        return line_start
    return _whole_characters(log)


def _whole_characters(log: bytes) -> int:
    """Return the length of `log` without a UTF-8 character that is cut at its end (RFC 3629, section 3)."""
    for back in range(1, min(4, len(log)) + 1):
        byte = log[-back]
        if byte & 0b1100_0000 == 0b1000_0000:
            continue
        width = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return len(log) if width <= back else len(log) - back
    return len(log)
