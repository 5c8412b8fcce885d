"""Frames over time, thinned: nothing is lost of counts and extremes, and there are never too many buckets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.frame_record import MissedRecord
from cts.protocol.frames import RenderedFrame, Verdict
from cts.report.timeline import Timeline

MS = 1_000_000
INTERVAL = 10 * MS
BEGAN = 7_000 * MS


def frame(place: int, verdict: Verdict = Verdict.COMPLETED, slack_ns: int = 5 * MS, size: int = 100) -> RenderedFrame:
    """A frame that is due ``place`` intervals after the run began, and whose sender's clock began with it."""
    due_ns = BEGAN + place * INTERVAL
    sent = place * INTERVAL
    return RenderedFrame(place + 1, verdict, size, sent, 1_000_000_000, due_ns - slack_ns, due_ns, None)


def late(place: int, late_ns: int, *, whole: bool = True) -> MissedRecord:
    received_ns = BEGAN + place * INTERVAL + late_ns
    return MissedRecord(place + 1, received_ns, late_ns, 1, 100, 1, (), whole, False, 0)


def test_each_frame_of_a_short_run_has_a_bucket_of_its_own() -> None:
    timeline = Timeline(INTERVAL, 100)
    for place in range(3, 8):
        timeline.frame(frame(place, slack_ns=place * MS), BEGAN)
    assert timeline.starts_ns() == [place * INTERVAL for place in range(3, 8)]
    assert timeline.column("greatest_slack") == [place * MS for place in range(3, 8)]
    assert timeline.column("completed") == [1] * 5


def test_where_nothing_was_due_there_is_no_extreme() -> None:
    timeline = Timeline(INTERVAL, 100)
    timeline.frame(frame(0), BEGAN)
    timeline.frame(frame(2, Verdict.DROPPED, size=0), BEGAN)
    assert timeline.column("least_slack") == [5 * MS, None, None]
    assert timeline.column("dropped") == [0, 0, 1]


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.sampled_from(Verdict), st.integers(-(10**12), 10**12)),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 9),
)
def test_however_long_a_run_is_counts_add_up_and_extremes_stay(
    frames: list[tuple[int, Verdict, int]], most: int
) -> None:
    timeline = Timeline(INTERVAL, most)
    for place, verdict, slack_ns in frames:
        timeline.frame(frame(place, verdict, slack_ns), BEGAN)
    assert len(timeline) <= most
    assert sum(map(sum, map(timeline.counts, ("completed", "repeated", "dropped")))) == len(frames)
    played = [slack_ns for _, verdict, slack_ns in frames if verdict is not Verdict.DROPPED]
    greatest = [value for value in timeline.column("greatest_slack") if value is not None]
    least = [value for value in timeline.column("least_slack") if value is not None]
    assert (min(least, default=None), max(greatest, default=None)) == (
        min(played, default=None),
        max(played, default=None),
    )
    for place, _, _ in frames:
        assert timeline.first <= place * INTERVAL // timeline.width_ns < timeline.first + len(timeline)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1)), max_size=20))
def test_made_up_numbers_of_any_size_do_no_harm(made_up: list[tuple[int, int]]) -> None:
    timeline = Timeline(1, 4)
    for due_ns, number in made_up:
        stamped = RenderedFrame(1, Verdict.COMPLETED, number, number, abs(number) + 1, number, due_ns, None)
        timeline.frame(stamped, 0)
        timeline.missed(MissedRecord(1, due_ns, 1, 1, 1, None, None, True, False, number * 2**60), 0)
    assert len(timeline) <= 4


def test_late_data_counts_with_the_time_at_which_its_frame_was_due() -> None:
    timeline = Timeline(INTERVAL, 100)
    for place in range(4):
        timeline.frame(frame(place, Verdict.DROPPED, size=0), BEGAN)
    timeline.missed(late(1, 25 * MS), BEGAN)
    assert timeline.column("late") == [0, 1, 0, 0]
    assert timeline.column("greatest_late") == [None, 25 * MS, None, None]


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 500), min_size=1, max_size=20), min_size=1, max_size=4), st.integers(2, 50))
def test_several_streams_together_are_the_sum_of_each(streams: list[list[int]], most: int) -> None:
    parts = []
    for places in streams:
        part = Timeline(INTERVAL, most)
        for place in places:
            part.frame(frame(place), BEGAN)
        parts.append(part)
    total = Timeline.of(parts, most)
    assert sum(total.counts("completed")) == sum(map(len, streams))
    assert len(total) <= most
    assert set(total.column("least_transit")) == {None}
