"""What programs tell their supervisors."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from treadle.domain.outcome import Failure
from treadle.runner.messages import LARGEST, failure_message, shortened, stage_or_failure


def test_a_stage() -> None:
    assert stage_or_failure(b'{"type": "status", "sub_status": "MAPPING"}') == "MAPPING"


def test_a_failure_arrives_as_it_was_told() -> None:
    failure = Failure("ValueError", "no", "main.py", 3, "Traceback ...", {"errno": 28, "module": "x", "path": "result"})

    assert stage_or_failure(failure_message(failure)) == failure


@pytest.mark.parametrize("character", ["a", "\x00", "\U0001f600", "\udcff"])
def test_a_message_always_fits_into_a_datagram(character: str) -> None:
    text = character * 1_000_000
    message = failure_message(Failure(text, text, text, 1, text, {}))

    assert len(message) < 200_000 < LARGEST
    told = stage_or_failure(message)
    assert isinstance(told, Failure)
    assert told.file == text[-300:]


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\xff",
        b"nonsense",
        b"[" * 200_000,
        b"{}",
        b"3",
        b'{"type": "other"}',
        b'{"type": "status", "sub_status": 1}',
    ],
)
def test_nonsense_is_nothing(datagram: bytes) -> None:
    assert stage_or_failure(datagram) is None


DETAILS = {"errno": "x", "path": 1, "more": 2}


def test_a_failure_of_wrong_types_is_made_right() -> None:
    fields = {
        "type": 1,
        "message": None,
        "file": 2,
        "line": "3",
        "traceback": [],
        "details": {"errno": "x", "path": 1, "more": 2},
    }
    told = stage_or_failure(json.dumps({"type": "failure", "failure": fields}).encode())

    assert told == Failure("1", "None", None, None, "[]", {})


@given(text=some.text(max_size=50), length=some.integers(10, 20))
def test_a_shortened_text_keeps_both_ends(text: str, length: int) -> None:
    short = shortened(text, length)

    if len(text) <= length:
        assert short == text
    else:
        assert short.startswith(text[: length // 2])
        assert short.endswith(text[-(length // 2) :])
