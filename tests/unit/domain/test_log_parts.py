"""The parts of a log make one chain, whatever joins were cut short or done twice."""

from hypothesis import given
from hypothesis import strategies as st

from treadle.domain.log_parts import Chain, Part, part_name


def parts_of(sizes: list[int]) -> list[Part]:
    """Parts of these sizes, each where the one before it ends."""
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    return [Part.stored(part_name(start), size) for start, size in zip(starts, sizes, strict=True)]


def test_parts_follow_each_other_by_the_byte_at_which_they_begin() -> None:
    chain = Chain.of(parts_of([3, 5, 2])[::-1])
    assert [(part.start, part.end) for part in chain.parts] == [(0, 3), (3, 8), (8, 10)]
    assert chain.length == 10
    assert chain.grown(4).length == 14
    assert chain.surplus == ()
    assert Chain().length == 0


def test_names_in_order_are_parts_in_order() -> None:
    assert part_name(99) < part_name(100) < Part.joined(parts_of([100, 900])).name.replace("0000-", "0100-")
    assert Part.stored(Part.joined(parts_of([3, 5])).name, 8) == Part.joined(parts_of([3, 5]))


def test_what_a_cut_off_join_left_is_surplus() -> None:
    parts = parts_of([3, 5, 2])
    whole = Part.joined(parts[:2])
    chain = Chain.of([*parts, whole])
    assert chain.parts == (whole, parts[2])
    assert chain.surplus == (parts[0], parts[1])
    assert chain.unjoined == (parts[2],)


def test_a_part_behind_a_gap_is_neither_shown_nor_thrown_away() -> None:
    parts = parts_of([3, 5, 2])
    chain = Chain.of([parts[0], parts[2]])
    assert chain.parts == (parts[0],)
    assert chain.surplus == ()


def test_the_parts_that_hold_some_bytes() -> None:
    parts = parts_of([3, 5, 2])
    chain = Chain.of(parts)
    assert list(chain.covering(0, 3)) == parts[:1]
    assert list(chain.covering(2, 4)) == parts[:2]
    assert list(chain.covering(3, 10)) == parts[1:]
    assert list(chain.covering(9, 99)) == parts[2:]
    assert list(chain.covering(10, 11)) == []


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(1, 8)), max_size=5),
    st.randoms(use_true_random=False),
)
def test_joins_by_several_gateways_hide_no_byte_of_a_log(
    sizes: list[int], joins: list[tuple[int, int]], random: object
) -> None:
    parts = parts_of(sizes)
    stored = set(parts)
    for first, number in joins:
        some = parts[first : first + number]
        if some:
            stored.add(Part.joined(some))
            stored -= set(Chain.of(stored).surplus)  # who has joined removes what the joined part holds
    chain = Chain.of(stored)
    assert chain.length == sum(sizes)
    for byte in range(chain.length):
        assert any(part.start <= byte < part.end for part in chain.covering(byte, byte + 1))
