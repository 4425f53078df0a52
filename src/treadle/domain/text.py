"""Text from outside."""


def is_text(value: str) -> bool:
    """Return whether `value` can be stored and sent as UTF-8. JSON can escape halves of surrogate pairs, which cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
