"""The operator's file of compute profiles."""

from pathlib import Path

import pytest

from treadle.adapters.profiles_file import read_profiles
from treadle.domain.budget import Budget
from treadle.domain.errors import SettingsError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "profiles.toml"


def test_the_file_of_the_documentation_is_read_as_it_says(path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "compute-profiles.md").read_text()
    path.write_text(page.partition("```toml file=profiles.toml\n")[2].partition("```")[0])
    profiles = read_profiles(path, strict=False)
    assert profiles.default == "cx3d-2x5"
    assert profiles.budgets == {
        "cx3d-2x5": Budget(2.0, 0.0, 5 * 10**9),
        "bx3d-24x120": Budget(24.0, 0.0, 120 * 10**9),
        "gx3d-24x120x1a100p": Budget(23.5, 1.0, 110 * 10**9),
    }


def test_without_a_file_nothing_is_offered() -> None:
    assert read_profiles(None, strict=True).budgets == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[large]", "make no sense: Invalid compute_profile 'large'."),
        ("[cx3d-2x5]\ncpu = 0", "make no sense: cx3d-2x5.cpu: Input should be greater than 0."),
        ("[cx3d-2x5]\nmemory = 5", "make no sense: cx3d-2x5.memory: Extra inputs are not permitted."),
        ("cx3d-2x5 = 5", "make no sense: cx3d-2x5: Input should be a valid dictionary"),
        ("[cx3d-2x5", "make no sense: Expected ']'"),
        ('default = "cx3d-2x6"\n[cx3d-2x5]', "The default 'cx3d-2x6' in"),
    ],
)
def test_a_file_that_makes_no_sense_is_told(path: Path, text: str, words: str) -> None:
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_profiles(path, strict=False)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_told(path: Path) -> None:
    with pytest.raises(SettingsError, match=r"profiles.toml cannot be read: No such file"):
        read_profiles(path, strict=False)
