"""What a program asks to be installed, and what it may not ask for."""

import pytest

from treadle.domain.errors import InvalidError
from treadle.domain.requirements import normalised, of_file, of_script

PYTHON = "3.11.7"


def test_requirements_are_brought_to_one_form() -> None:
    asked = ["Pendulum>=3,<4", "ray[tune,data]", "pendulum<4,>=3", "scipy; python_version >= '3.8'"]
    assert normalised(asked) == (
        "pendulum<4,>=3",
        "ray[data,tune]",
        'scipy; python_version >= "3.8"',
    )


@pytest.mark.parametrize(
    "hostile",
    [
        "a package",
        "pendulum @ https://example.org/pendulum.whl",
        "pendulum @ file:///etc/passwd",
        "git+https://example.org/pendulum",
        "./pendulum",
        "/etc/passwd",
        "-e .",
        "-r requirements.txt",
        "--index-url=https://example.org",
        "pendulum --index-url https://example.org",
        "pendulum\n--index-url https://example.org",
        "pendulum==" + "1" * 1000,
        "",
    ],
)
def test_only_packages_of_the_index_are_taken(hostile: str) -> None:
    with pytest.raises(InvalidError, match="Error while parsing dependencies"):
        normalised([hostile])


def test_there_is_an_end_to_what_can_be_asked_for() -> None:
    with pytest.raises(InvalidError, match="There are 201 of them and the maximum is 200"):
        normalised(f"package-{number}" for number in range(201))


def test_a_requirements_file_lists_one_a_line() -> None:
    content = b"""\xef\xbb\xbf# what it needs
pendulum>=3  # for time zones

scipy[test]==1.17.1 \\
    --hash=sha256:00 \\
    --hash=sha256:11
ray ; python_version >= "3.8"
"""
    assert of_file(content) == ["pendulum>=3", "scipy[test]==1.17.1", 'ray ; python_version >= "3.8"']


@pytest.mark.parametrize("line", ["-r other.txt", "-e .", "--extra-index-url https://example.org", "-c limits.txt"])
def test_options_of_pip_in_a_requirements_file_are_named(line: str) -> None:
    with pytest.raises(InvalidError, match=f"requirements.txt has the line '{line}'"):
        of_file(f"pendulum\n{line}\n".encode())


def test_a_requirements_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidError, match=r"requirements\.txt is not text in UTF-8"):
        of_file(b"\xff\xfe\x00")
    with pytest.raises(InvalidError, match=r"requirements\.txt is larger than 1000000 bytes"):
        of_file(b"#" * 1_000_001)


SCRIPT = """\
'''A program.'''
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "pendulum>=3",
#
#   "scipy",
# ]
# ///
# an ordinary comment
import pendulum
"""


def test_a_program_may_say_itself_what_it_needs() -> None:
    assert of_script(SCRIPT.encode(), PYTHON) == ["pendulum>=3", "scipy"]


@pytest.mark.parametrize(
    "program",
    ["import numpy\n", "", "# /// script\n# dependencies = ['a']\n", "# /// pyproject\n# a = 1\n# ///\n"],
    ids=["no block", "nothing", "a block that is not closed", "another block"],
)
def test_a_program_need_not_say_it(program: str) -> None:
    assert of_script(program.encode(), PYTHON) == []


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("dependencies = [", "is not TOML"),
        ("dependencies = 'pendulum'", "'dependencies' that are no list of strings"),
        ("dependencies = [1]", "'dependencies' that are no list of strings"),
        ("requires-python = '>=99'", "The entrypoint requires Python >=99, and this platform runs 3.11.7"),
        ("requires-python = 'new'", "'requires-python' of the entrypoint is not a version specifier"),
        ("requires-python = 3", "'requires-python' of the entrypoint is not a version specifier"),
    ],
)
def test_a_block_that_cannot_be_followed_is_refused(lines: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        of_script(f"# /// script\n# {lines}\n# ///\n".encode(), PYTHON)
