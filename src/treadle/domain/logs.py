"""Log text as its reader sees it: without the ``[PUBLIC]`` and ``[PRIVATE]`` marks that loggers put before lines."""

import re

_MARK = re.compile(rb"^(\[PUBLIC\]|\[PRIVATE\]) ?", re.IGNORECASE | re.MULTILINE)
_LONGEST_MARK = len(b"[PRIVATE] ")


def without_marks(log: bytes, *, begins_line: bool = True) -> bytes:
    """Return `log` without the marks at the starts of its lines.

    Args:
        log: The log, or a part of it.
        begins_line: Whether its first byte is the first of a line.
    """
    if begins_line:
        return _MARK.sub(b"", log)
    rest, line_end, lines = log.partition(b"\n")
    return rest + line_end + _MARK.sub(b"", lines)


def complete_part(log: bytes, *, ended: bool) -> int:
    """Return how many bytes of a growing log can be shown now.

    Whole lines always. Of a line that has not ended: nothing as long as it may be a mark or part of one; then its whole
    characters, so that a progress bar without line ends is seen too. All of it once the log has `ended`.
    """
    if ended:
        return len(log)
    line_start = log.rfind(b"\n") + 1
    if len(log) - line_start <= _LONGEST_MARK:
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
