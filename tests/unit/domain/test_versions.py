"""When two versions are the same, and which one is meant."""

from dataclasses import replace

import pytest

from treadle.domain.functions import FunctionVersion
from treadle.domain.versions import version_number, with_digest

VERSION = FunctionVersion("v", 3, "main.py", "d" * 64, ("a==1",), {"A": "1"}, "text", "1.2", author_id="ada")


def digest_of(version: FunctionVersion) -> str | None:
    return with_digest(version, version.env_vars).digest


def test_the_same_upload_has_the_same_digest_whoever_made_it_and_when() -> None:
    again = replace(VERSION, id="w", number=9, author_id="bob", digest="x")
    assert digest_of(again) == digest_of(VERSION)
    assert with_digest(VERSION, VERSION.env_vars) == replace(VERSION, digest=digest_of(VERSION))


@pytest.mark.parametrize(
    "change",
    [
        {"entrypoint": "other.py"},
        {"artifact_digest": "e" * 64},
        {"dependencies": ("a==2",)},
        {"env_vars": {"A": "2"}},
        {"env_vars": {"B": "1"}},
        {"description": None},
        {"version": "1.3"},
        {"type": "CIRCUIT"},
        {"runner": "fleets"},
        {"arguments_schema": "false"},
        {"environment_digest": "f" * 64},
        {"documentation_url": "https://example.org"},
        {"sizes": {"large": "gx2-8x64x1v100"}},
        {"default_size": "large"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_different_makes_another_digest(change: dict[str, object]) -> None:
    assert digest_of(replace(VERSION, **change)) != digest_of(VERSION)  # type: ignore[arg-type]


def test_how_a_secret_is_sealed_makes_no_difference_but_the_secret_does() -> None:
    sealed, sealed_again = (replace(VERSION, env_vars={"TOKEN": text}) for text in ("aaa", "bbb"))
    assert with_digest(sealed, {"TOKEN": "keyed"}).digest == with_digest(sealed_again, {"TOKEN": "keyed"}).digest
    assert with_digest(sealed, {"TOKEN": "keyed"}).digest != with_digest(sealed, {"TOKEN": "other"}).digest


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), ("003", 3), ("1.2", None), ("", None), ("-1", None), ("²", None), ("1" * 10, None)],
)
def test_digits_are_a_number_and_all_else_a_label(text: str, number: int | None) -> None:
    assert version_number(text) == number
