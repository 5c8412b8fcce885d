"""Where bytes were lost: both ends' accounts laid together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cts.metrics.loss import DueBytes, LossByPlace, lost_by_place

COUNTS = st.integers(0, 10_000)


def sent(due: int, refused: int = 0) -> DueBytes:
    return DueBytes(due=due, missing=refused)


@st.composite
def received(draw: st.DrawFn) -> DueBytes:
    missing = draw(COUNTS)
    return DueBytes(missing + draw(COUNTS), missing, draw(COUNTS), draw(COUNTS), draw(COUNTS))


def test_what_was_handed_over_and_never_came_was_lost_on_the_way() -> None:
    assert lost_by_place(DueBytes(1000, missing=300), [sent(1000)]) == LossByPlace(1000, on_the_way=300)


def test_what_the_host_of_the_sender_refused_was_not_sent() -> None:
    assert lost_by_place(DueBytes(1000, missing=300), [sent(1000, refused=200)]) == LossByPlace(1000, 200, 100)


def test_what_a_sender_that_was_cut_off_did_not_come_to_was_not_sent() -> None:
    assert lost_by_place(DueBytes(1000, missing=300), [sent(800)]) == LossByPlace(1000, 200, 100)


def test_a_sender_that_began_again_has_handed_over_what_both_have() -> None:
    assert lost_by_place(DueBytes(1000, missing=300), [sent(500), sent(500)]) == LossByPlace(1000, on_the_way=300)


def test_who_is_alone_cannot_tell_what_was_not_sent_from_what_was_lost() -> None:
    assert lost_by_place(DueBytes(1000, missing=300)) == LossByPlace(1000, not_sent_or_on_the_way=300)


def test_what_came_after_all_was_late_by_whose_fault_is_known() -> None:
    loss = lost_by_place(DueBytes(1000, missing=300, late=200, sent_late=50), [sent(1000)])
    assert loss == LossByPlace(1000, on_the_way=100, sent_late=50, late=150)


def test_what_came_too_early_is_no_more_than_is_missing_otherwise() -> None:
    assert lost_by_place(DueBytes(1000, missing=300, early=9000), [sent(1000, refused=100)]) == LossByPlace(
        1000, not_sent=100, early=200
    )


def test_the_kernel_can_have_dropped_no_more_than_never_came() -> None:
    loss = LossByPlace(10**9, not_sent=5, on_the_way=10**6)
    assert [loss.kernel_at_most(drops) for drops in (0, 1, 10**6)] == [0, 65_535, 10**6]


@given(received(), st.lists(st.builds(DueBytes, COUNTS, COUNTS), max_size=3))
def test_the_places_add_up_to_what_was_due(end: DueBytes, others: list[DueBytes]) -> None:
    loss = lost_by_place(end, others)
    places = (loss.not_sent, loss.on_the_way, loss.not_sent_or_on_the_way, loss.sent_late, loss.late, loss.early)
    assert min(places) >= 0
    assert loss.missing == sum(places) == end.missing
    assert loss.on_time + sum(places) == end.due
