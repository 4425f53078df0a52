"""What a program asks to be installed: read from three places, checked, and brought to one form.

The texts of errors that today's clients know are those of the wire contract.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from treadle.domain.errors import InvalidError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

REQUIREMENTS_FILE = "requirements.txt"
"""In the top folder of an artifact: what its programs need."""

_LONGEST = 300  # characters; nested brackets and numbers beyond all measure are not for the parser
_MOST = 200
_LARGEST_TEXT = 1_000_000
_SCRIPT_BEGIN = "# /// script"
_SCRIPT_END = "# ///"
_COMMENT = re.compile(r"(^|\s)#.*$")
_HASH = re.compile(r"\s--hash[ =]\S+")  # of a list that somebody has locked; the platform makes its own


def normalised(requirements: Iterable[str]) -> tuple[str, ...]:
    """Return requirements in one form, each once, sorted.

    Raises:
        InvalidError: One of them is malformed, or is not the name of a package with a version, or there are too many.
    """
    listed = list(requirements)
    if len(listed) > _MOST:
        raise InvalidError(
            f"Error while parsing dependencies. There are {len(listed)} of them and the maximum is {_MOST}."
        )
    return tuple(sorted({_normal_text(parse(text)) for text in listed}))


def parse(text: str) -> "Requirement":
    """Return one requirement.

    Raises:
        InvalidError: It is malformed, or names a place instead of a version.
    """
    from packaging.requirements import InvalidRequirement, Requirement  # late: only uploads need it

    if len(text) > _LONGEST:
        raise InvalidError(f"Error while parsing dependencies. {text[:40]!r}... is longer than {_LONGEST} characters.")
    if text.lstrip().startswith("-"):
        raise InvalidError(
            f"Error while parsing dependencies. {text!r} is an option of pip; only requirements such as 'pendulum>=3' are taken."
        )
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise InvalidError(f"Error while parsing dependencies. {text!r}: {error}") from error
    if requirement.url is not None:
        raise InvalidError(
            f"Error while parsing dependencies. {text!r} names a place; only packages of the platform's index are taken. "
            "Code of your own can be put into the function's folder."
        )
    return requirement


def check_given(given: Iterable[str], requirements: Iterable[str]) -> None:
    """See that requirements agree with the packages of which the platform has one version for all programs.

    Args:
        given: These packages, as ``name==version``.
        requirements: What a program asks for, normalised.

    Raises:
        InvalidError: One asks for another version.
    """
    versions = dict(entry.split("==") for entry in given)
    for requirement in map(parse, requirements):
        version = versions.get(requirement.name)
        applies = requirement.marker is None or requirement.marker.evaluate()
        if version is not None and applies and not requirement.specifier.contains(version, prereleases=True):
            raise InvalidError(
                f"The dependencies cannot be installed together. {str(requirement)!r} does not allow version {version}, "
                f"on which this platform's cluster runs. Ask for {requirement.name!r} without a version."
            )


def of_file(content: bytes) -> list[str]:
    """Return the requirements of a `REQUIREMENTS_FILE`.

    Raises:
        InvalidError: It is not text, or has options of pip, such as ``-r`` or ``--index-url``.
    """
    lines = _text(content, REQUIREMENTS_FILE).replace("\\\n", " ").splitlines()
    requirements = (_HASH.sub("", _COMMENT.sub("", line)).strip() for line in lines)
    listed = [requirement for requirement in requirements if requirement]
    for requirement in listed:
        if requirement.startswith("-"):
            raise InvalidError(
                f"{REQUIREMENTS_FILE} has the line {requirement[:80]!r}. Options of pip are not taken: "
                "list the requirements themselves."
            )
    return listed


def of_script(content: bytes, python: str) -> list[str]:
    """Return the requirements in the metadata block of a program (``# /// script``, PEP 723), none if it has no block.

    Args:
        content: The program.
        python: Version of Python that will run it.

    Raises:
        InvalidError: The block is malformed, or asks for another version of Python.
    """
    if _SCRIPT_BEGIN.encode() not in content:
        return []
    import tomllib  # late: few programs have a block

    block = _block(_text(content, "The entrypoint").splitlines())
    try:
        fields = tomllib.loads("\n".join(block))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidError(f"The '{_SCRIPT_BEGIN}' block of the entrypoint is not TOML: {error}.") from error
    _check_python(fields, python)
    listed = fields.get("dependencies", [])
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise InvalidError(
            f"The '{_SCRIPT_BEGIN}' block of the entrypoint has 'dependencies' that are no list of strings."
        )
    return listed


def _normal_text(requirement: "Requirement") -> str:
    from packaging.utils import canonicalize_name

    requirement.name = canonicalize_name(requirement.name)
    return str(requirement)


def _text(content: bytes, name: str) -> str:
    if len(content) > _LARGEST_TEXT:
        raise InvalidError(f"{name} is larger than {_LARGEST_TEXT} bytes, so its requirements are not read.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidError(f"{name} is not text in UTF-8: {error}.") from error


def _block(lines: list[str]) -> Iterator[str]:
    """Yield the lines of the first block without their comment signs; nothing if no block is closed."""
    begin = lines.index(_SCRIPT_BEGIN) + 1 if _SCRIPT_BEGIN in lines else len(lines)
    end = begin
    for number in range(begin, len(lines)):
        if lines[number] != "#" and not lines[number].startswith("# "):
            break
        if lines[number] == _SCRIPT_END:
            end = number
    return (line[2:] for line in lines[begin:end])


def _check_python(fields: dict[str, Any], python: str) -> None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    wanted = fields.get("requires-python", "")
    try:
        fits = SpecifierSet(wanted).contains(python, prereleases=True)
    except (InvalidSpecifier, TypeError, AttributeError) as error:
        raise InvalidError(f"'requires-python' of the entrypoint is not a version specifier: {wanted!r}.") from error
    if not fits:
        raise InvalidError(f"The entrypoint requires Python {wanted}, and this platform runs {python}.")
