"""The life cycle: a job's story can only go one way."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from treadle.domain.errors import ForbiddenError, StaleAttemptError
from treadle.domain.lifecycle import (
    ACTIVE,
    ON_ENGINE,
    TERMINAL,
    Claimed,
    Effect,
    Ended,
    Event,
    JobState,
    JobStatus,
    Returned,
    StageChanged,
    StageSet,
    Started,
    StopRequested,
    SubStatus,
    transition,
)


def after(*events: Event) -> JobState:
    """Return the state of a new job after `events`."""
    state = JobState()
    for event in events:
        state = transition(state, event).state
    return state


def test_a_job_that_goes_well_is_queued_pending_running_and_succeeded() -> None:
    assert after() == JobState(JobStatus.QUEUED, None, 0)
    assert after(Claimed()) == JobState(JobStatus.PENDING, None, 1)
    assert after(Claimed(), Started(1)) == JobState(JobStatus.RUNNING, None, 1)
    assert after(Claimed(), Started(1), Ended(1, succeeded=True)) == JobState(JobStatus.SUCCEEDED, None, 1)


def test_a_stage_is_shown_while_the_job_runs_and_gone_when_it_has_ended() -> None:
    running = after(Claimed(), Started(1), StageChanged(1, SubStatus.MAPPING))
    assert running.sub_status is SubStatus.MAPPING
    assert transition(running, Ended(1, succeeded=True)).state.sub_status is None


def test_a_stage_that_arrives_before_the_start_was_reported_means_the_job_runs() -> None:
    assert after(Claimed(), StageChanged(1, SubStatus.MAPPING)).status is JobStatus.RUNNING


def test_a_stage_the_author_sets_changes_nothing_else() -> None:
    mapping = StageSet(SubStatus.MAPPING)
    for history in ((), (Claimed(),), (Claimed(), Started(1))):
        assert after(*history, mapping) == replace(after(*history), sub_status=SubStatus.MAPPING)
    assert after(Claimed(), mapping, Started(1)) == JobState(JobStatus.RUNNING, SubStatus.MAPPING, 1)


@pytest.mark.parametrize("end", [StopRequested(), Ended(1, succeeded=True)])
def test_a_job_that_ends_takes_no_stage(end: Event) -> None:
    ending = after(Claimed(), Started(1), end)
    with pytest.raises(ForbiddenError, match=rf"not in active status. \(Currently {ending.status}\)"):
        transition(ending, StageSet(SubStatus.MAPPING))


def test_a_queued_job_stops_at_once() -> None:
    assert after(StopRequested()).status is JobStatus.STOPPED


def test_a_job_on_an_engine_stops_when_its_program_has_ended() -> None:
    stopping = transition(after(Claimed(), Started(1)), StopRequested())
    assert stopping.state.status is JobStatus.STOPPING
    assert stopping.effects == (Effect.STOP_ON_ENGINE,)
    assert transition(stopping.state, Ended(1, succeeded=True)).state.status is JobStatus.STOPPED


def test_a_stage_reported_while_stopping_changes_nothing() -> None:
    assert (
        after(Claimed(), Started(1), StopRequested(), StageChanged(1, SubStatus.MAPPING)).status is JobStatus.STOPPING
    )


def test_a_late_start_report_does_not_undo_a_stop() -> None:
    assert after(Claimed(), StopRequested(), Started(1)).status is JobStatus.STOPPING


def test_a_job_the_engine_could_not_start_waits_again_and_gets_a_new_attempt() -> None:
    returned = after(Claimed(), Returned(1))
    assert returned == JobState(JobStatus.QUEUED, None, 1)
    assert transition(returned, Claimed()).state.attempt == 2


def test_a_job_stopped_while_the_engine_could_not_start_it_is_stopped() -> None:
    assert after(Claimed(), StopRequested(), Returned(1)).status is JobStatus.STOPPED


@pytest.mark.parametrize(
    "report", [Started(1), StageChanged(1, SubStatus.MAPPING), Returned(1), Ended(1, succeeded=True)]
)
def test_reports_of_an_older_attempt_are_refused(report: Event) -> None:
    second = after(Claimed(), Returned(1), Claimed())
    with pytest.raises(StaleAttemptError, match="Attempt 1 is over"):
        transition(second, report)


def test_only_a_queued_job_can_be_claimed() -> None:
    with pytest.raises(ForbiddenError, match="PENDING"):
        transition(after(Claimed()), Claimed())


events = st.one_of(
    st.just(Claimed()),
    st.just(StopRequested()),
    st.builds(Started, st.integers(0, 3)),
    st.builds(StageSet, st.sampled_from(SubStatus)),
    st.builds(StageChanged, st.integers(0, 3), st.sampled_from(SubStatus)),
    st.builds(Returned, st.integers(0, 3)),
    st.builds(Ended, st.integers(0, 3), succeeded=st.booleans()),
)
states = st.builds(
    JobState, st.sampled_from(JobStatus), st.one_of(st.none(), st.sampled_from(SubStatus)), st.integers(0, 3)
)


def test_a_job_whose_program_has_begun_does_not_go_back_to_the_queue() -> None:
    assert after(Claimed(), Started(1), Returned(1)).status is JobStatus.RUNNING


@given(st.lists(events, max_size=30))
def test_a_program_that_has_begun_is_never_begun_again(happened: list[Event]) -> None:
    state, begun = JobState(), None
    for event in happened:
        with contextlib.suppress(StaleAttemptError, ForbiddenError):
            state = transition(state, event).state
        if state.status is JobStatus.RUNNING:
            begun = state.attempt
        assert begun in (None, state.attempt)


@given(states, events)
def test_a_terminal_state_never_changes(state: JobState, event: Event) -> None:
    if state.status in TERMINAL:
        with contextlib.suppress(StaleAttemptError, ForbiddenError):
            assert transition(state, event).state == state


@given(states, events)
def test_saying_the_same_twice_is_harmless_or_refused(state: JobState, event: Event) -> None:
    try:
        once = transition(state, event).state
        assert transition(once, event).state == once
    except (StaleAttemptError, ForbiddenError):
        pass


class AnyStory(RuleBasedStateMachine):
    """Whatever is reported in whatever order, a job's attempts count up and its end is final."""

    def __init__(self) -> None:
        super().__init__()
        self.state = JobState()
        self.ended_as: JobStatus | None = None

    @rule(event=events)
    def something_is_reported(self, event: Event) -> None:
        before = self.state
        try:
            self.state = transition(before, event).state
        except (StaleAttemptError, ForbiddenError):
            return
        assert self.state.attempt in (before.attempt, before.attempt + 1)
        if self.ended_as is None and self.state.status in TERMINAL:
            self.ended_as = self.state.status

    @invariant()
    def the_end_is_final(self) -> None:
        assert self.ended_as in (None, self.state.status)

    @invariant()
    def a_job_that_ends_has_no_stage(self) -> None:
        ends = self.state.status in TERMINAL or self.state.status is JobStatus.STOPPING
        assert not (ends and self.state.sub_status)

    @invariant()
    def a_job_on_an_engine_has_an_attempt(self) -> None:
        assert self.state.status not in ON_ENGINE or self.state.attempt > 0


TestAnyStory = AnyStory.TestCase


def test_every_status_is_either_active_or_terminal() -> None:
    assert set(JobStatus) == ACTIVE | TERMINAL
    assert not ACTIVE & TERMINAL
