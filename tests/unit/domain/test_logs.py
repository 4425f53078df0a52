"""Log text for readers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.domain.logs import Line, LogView, complete_part, line_after, shown

LOG = b"[PUBLIC] one\n[private] two\nthree [PUBLIC] four\n[public]five\n\n[PRIVATE]six\nseven"


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (LogView.ALL, b"one\ntwo\nthree [PUBLIC] four\nfive\n\nsix\nseven"),
        (LogView.PUBLIC, b"one\nfive\n"),
        (LogView.PRIVATE, b"two\nthree [PUBLIC] four\n\nsix\nseven"),
    ],
)
def test_each_reader_sees_the_lines_meant_for_it_without_their_marks(view: LogView, text: bytes) -> None:
    assert shown(LOG, view) == text


@pytest.mark.parametrize("view", LogView)
def test_a_part_that_begins_within_a_line_belongs_to_it_whatever_it_looks_like(view: LogView) -> None:
    private, public = Line(public=False), Line(public=True)
    part = b"[PUBLIC] a\n[PUBLIC] b"
    assert (
        shown(part, view, private) == {"ALL": b"[PUBLIC] a\nb", "PUBLIC": b"b", "PRIVATE": b"[PUBLIC] a\n"}[view.name]
    )
    assert shown(part, view, public) == {"ALL": b"[PUBLIC] a\nb", "PUBLIC": b"[PUBLIC] a\nb", "PRIVATE": b""}[view.name]


def test_the_line_that_goes_on_after_a_part() -> None:
    assert line_after(b"a\n[PUBLIC] b") == Line(public=True)
    assert line_after(b"[PUBLIC] a\nb") == Line(public=False)
    assert line_after(b"[PUBLIC] a\n") is None
    assert line_after(b"more", Line(public=True)) == Line(public=True)
    assert line_after(b"", Line(public=True)) == Line(public=True)
    assert line_after(b"") is None


@pytest.mark.parametrize(
    ("log", "text"),
    [
        (b"", b""),
        (b"one\ntw", b"one\n"),
        (b"one\n[PRIV", b"one\n"),
        (b"progress: 50 %", b"progress: 50 %"),
        ("energies: …".encode()[:-1], b"energies: "),
        ("energies: …".encode(), "energies: …".encode()),
    ],
)
def test_what_of_a_growing_log_is_shown_now(log: bytes, text: bytes) -> None:
    assert log[: complete_part(log, ended=False)] == text


def test_all_of_a_log_that_has_ended_is_shown() -> None:
    assert complete_part(b"[PRIV", ended=True) == 5


@given(st.lists(st.text(alphabet="ab[]PUBLIC \n…ä", max_size=30), max_size=8), st.sampled_from(LogView))
def test_a_log_read_while_it_grows_is_the_same_as_one_read_at_the_end(parts: list[str], view: LogView) -> None:
    whole = "".join(parts).encode()
    log, seen, offset, within = b"", b"", 0, None
    for number, part in enumerate(parts):
        log += part.encode()
        length = complete_part(log[offset:], within, ended=number == len(parts) - 1)
        new = log[offset : offset + length]
        new.decode()
        seen += shown(new, view, within)
        within = line_after(new, within)
        offset += length
    assert seen == shown(whole, view)
