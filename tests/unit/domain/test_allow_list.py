"""An operator's list of packages that functions may ask for."""

import pytest

from treadle.domain.allow_list import AllowList
from treadle.domain.errors import InvalidError

ALLOWED = AllowList.of_text(b"ffsim==0.0.60\nMerge_Deep>=1.3,<2  # any of these\nqiskit-aer\n")


def test_it_shows_what_it_holds_in_its_order() -> None:
    assert ALLOWED.entries == ("ffsim==0.0.60", "Merge_Deep>=1.3,<2", "qiskit-aer")


def test_what_is_allowed_gets_the_version_that_is_allowed() -> None:
    asked = ["ffsim", "merge-deep==1.3.4", "Qiskit.Aer", "qiskit_aer==0.17"]
    assert ALLOWED.narrowed(asked) == ("ffsim==0.0.60", "merge-deep==1.3.4", "Qiskit.Aer", "qiskit_aer==0.17")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("pendulum", "Dependency `pendulum` is not allowed."),
        ("ffsim==1.0", r"Dependency \(ffsim\) version \(1.0\) is not allowed. Valid versions: ==0.0.60"),
        ("merge-deep==1.*", r"Dependency \(merge-deep\) version \(1.\*\) is not allowed."),
        ("ffsim>=0.0.1", "'dependencies' needs one fixed version using the '==' operator."),
        ("ffsim==0.0.60,==0.0.60.0", "'dependencies' needs one fixed version using the '==' operator."),
    ],
)
def test_what_is_not_allowed_is_refused(asked: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        ALLOWED.narrowed([asked])


def test_a_list_with_something_else_in_it_is_refused() -> None:
    with pytest.raises(InvalidError, match="a package"):
        AllowList.of_text(b"ffsim\na package\n")
