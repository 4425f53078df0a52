"""Log text for readers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.domain.logs import complete_part, without_marks


def test_marks_at_the_starts_of_lines_are_cut_in_any_case() -> None:
    log = b"[PUBLIC] one\n[private] two\nthree [PUBLIC] four\n[PUBLIC]five\n"
    assert without_marks(log) == b"one\ntwo\nthree [PUBLIC] four\nfive\n"


def test_a_part_that_begins_within_a_line_keeps_what_looks_like_a_mark_there() -> None:
    assert without_marks(b"[PUBLIC] a\n[PUBLIC] b", begins_line=False) == b"[PUBLIC] a\nb"


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        (b"", b""),
        (b"one\ntw", b"one\n"),
        (b"one\n[PRIV", b"one\n"),
        (b"progress: 50 %", b"progress: 50 %"),
        ("energies: …".encode()[:-1], b"energies: "),
        ("energies: …".encode(), "energies: …".encode()),
    ],
)
def test_what_of_a_growing_log_is_shown_now(log: bytes, shown: bytes) -> None:
    assert log[: complete_part(log, ended=False)] == shown


def test_all_of_a_log_that_has_ended_is_shown() -> None:
    assert complete_part(b"[PRIV", ended=True) == 5


@given(st.lists(st.text(alphabet="ab[]PUBLIC \n…ä", max_size=30), max_size=8))
def test_a_log_read_while_it_grows_is_the_same_as_one_read_at_the_end(parts: list[str]) -> None:
    whole = "".join(parts).encode()
    log, seen, offset = b"", b"", 0
    for number, part in enumerate(parts):
        log += part.encode()
        length = complete_part(log[offset:], ended=number == len(parts) - 1)
        new = log[offset : offset + length]
        new.decode()
        seen += without_marks(new, begins_line=log[:offset][-1:] in (b"", b"\n"))
        offset += length
    assert seen == without_marks(whole)
