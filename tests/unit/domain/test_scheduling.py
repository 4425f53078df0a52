"""Fair share: who goes next."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from treadle.domain.scheduling import QueuedJob, choose, first_users

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def jobs(*authors: str) -> list[QueuedJob]:
    """Return queued jobs of these authors, the oldest first."""
    return [
        QueuedJob(f"{author}{number}", author, NOON + timedelta(seconds=number))
        for number, author in enumerate(authors)
    ]


def names(chosen: list[QueuedJob]) -> list[str]:
    return [job.id for job in chosen]


def test_the_jobs_of_one_user_go_in_order() -> None:
    assert names(choose(jobs("a", "a", "a"), {}, 2)) == ["a0", "a1"]


def test_a_thousand_jobs_of_one_user_do_not_delay_anothers_first() -> None:
    assert names(choose(jobs(*"a" * 1000, "b"), {}, 2)) == ["a0", "b1000"]


def test_who_has_fewer_jobs_on_the_engine_goes_first() -> None:
    assert names(choose(jobs("a", "b"), {"a": 1}, 1)) == ["b1"]


def test_between_equals_the_one_whose_next_job_has_waited_longest_goes_first() -> None:
    assert names(choose(jobs("a", "b", "b", "a"), {}, 4)) == ["a0", "b1", "b2", "a3"]


def test_nothing_to_choose_and_nowhere_to_go() -> None:
    assert choose([], {}, 5) == []
    assert choose(jobs("a"), {}, 0) == []


authors = st.lists(st.sampled_from("abcd"), max_size=40)


@given(authors, st.dictionaries(st.sampled_from("abcd"), st.integers(0, 5)), st.integers(0, 10))
def test_slots_are_filled_each_job_goes_once_and_in_order(who: list[str], active: dict[str, int], slots: int) -> None:
    queued = jobs(*who)
    chosen = choose(queued, active, slots)
    assert len(chosen) == min(slots, len(queued))
    assert len(set(chosen)) == len(chosen)
    for author in "abcd":
        own = [job for job in queued if job.author_id == author]
        assert [job for job in chosen if job.author_id == author] == own[
            : sum(job.author_id == author for job in chosen)
        ]


@given(authors, st.dictionaries(st.sampled_from("abcd"), st.integers(0, 5)), st.integers(1, 10))
def test_nobody_who_still_waits_has_less_than_somebody_who_was_chosen(
    who: list[str], active: dict[str, int], slots: int
) -> None:
    queued = jobs(*who)
    chosen = choose(queued, active, slots)
    shares = Counter(active) + Counter(job.author_id for job in chosen)
    waiting = {job.author_id for job in queued if job not in chosen}
    for author in {job.author_id for job in chosen}:
        assert all(shares[author] - 1 <= shares[other] for other in waiting)


@given(authors, st.dictionaries(st.sampled_from("abcd"), st.integers(0, 5)), st.integers(0, 10))
def test_the_first_users_alone_decide(who: list[str], active: dict[str, int], slots: int) -> None:
    queued = jobs(*who)
    next_jobs = list({job.author_id: job for job in reversed(queued)}.values())
    first = first_users(next_jobs, active, slots)
    assert len(first) <= slots
    theirs = [job for job in queued if job.author_id in first]
    assert choose(theirs, active, slots) == choose(queued, active, slots)
