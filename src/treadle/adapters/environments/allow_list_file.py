"""The operator's file of packages that functions may ask for."""

from pathlib import Path

from treadle.domain.allow_list import AllowList
from treadle.domain.errors import InvalidError, SettingsError


def read_allow_list(path: Path | None) -> AllowList | None:
    """Return the allow list in a file, None where all packages are allowed.

    Raises:
        SettingsError: The file cannot be read, or holds something else.
    """
    if path is None:
        return None
    try:
        return AllowList.of_text(path.read_bytes())
    except (OSError, InvalidError) as error:
        raise SettingsError(
            f"The list of allowed packages {path} cannot be used: {error}",
            hint="Correct it, or unset TREADLE_ALLOWED_PACKAGES to allow all packages.",
        ) from error
