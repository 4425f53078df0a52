"""What may be sent of a function."""

import pytest

from treadle.domain.errors import InvalidError
from treadle.domain.functions import clean_entrypoint, clean_title, full_name, split_title


@pytest.mark.parametrize(
    ("sent", "kept"), [("hello", "hello"), ("he llo!", "hello"), ("../x;rm", "/xrm"), ("a/b_c-1", "a/b_c-1")]
)
def test_characters_a_title_cannot_have_are_dropped(sent: str, kept: str) -> None:
    assert clean_title(sent) == kept


@pytest.mark.parametrize(("sent", "said"), [("", "blank"), ("  ", "blank"), ("…", "no usable"), ("x" * 256, "255")])
def test_a_title_must_leave_something(sent: str, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        clean_title(sent)


def test_a_title_can_name_its_provider() -> None:
    assert split_title("lab/f", None) == ("lab", "f")
    assert split_title("f", "lab") == ("lab", "f")
    assert split_title("f", "") == (None, "f")
    with pytest.raises(InvalidError, match="one slash"):
        split_title("a/b/c", None)
    with pytest.raises(InvalidError, match="in title and in provider"):
        split_title("a/b", "lab")
    for nothing in ("/", "lab/"):
        with pytest.raises(InvalidError, match="blank"):
            split_title(nothing, None)
    assert full_name("f", "lab") == "lab/f"
    assert full_name("f", None) == "f"


@pytest.mark.parametrize(("sent", "kept"), [("main.py", "main.py"), ("a/../b.py", "b.py"), ("./src/m.py", "src/m.py")])
def test_entrypoints_are_normalised(sent: str, kept: str) -> None:
    assert clean_entrypoint(sent) == kept


@pytest.mark.parametrize("sent", ["", "main", "/etc/x.py", "../x.py", "a/../../x.py", "x.py;ls", "a b.py", "x.py\n"])
def test_entrypoints_that_lead_elsewhere_are_refused(sent: str) -> None:
    with pytest.raises(InvalidError, match="Invalid entrypoint"):
        clean_entrypoint(sent)
