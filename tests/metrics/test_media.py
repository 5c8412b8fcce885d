"""Media metrics against an offline computation from the list of all arrivals, and their sum in any order."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.metrics.distribution import PERCENTS, Distribution, Lengths
from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.glance import glance_at
from cts.metrics.media import MediaMetrics
from cts.metrics.media_figures import figures_of
from cts.metrics.media_totals import MediaTotals
from cts.metrics.viewing import Longest
from tests.metrics import all_arrivals as offline
from tests.metrics.all_arrivals import INTERVAL, SIZE, Arrival, Stream, folded, records_of, stream_of, streams

MS = 1_000_000


@pytest.fixture(scope="module", autouse=True)
def _looked_at_often() -> Iterator[None]:
    """Have even short streams fall into many portions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cts.metrics.media._TOGETHER", 5)
        yield


@settings(deadline=None)
@given(streams())
def test_what_became_of_datagrams_is_what_the_list_of_arrivals_says(stream: Stream) -> None:
    totals = folded(records_of(stream))
    late, frames = offline.late_and_fresh(stream), range(1, stream.frames + 1)
    in_time = [len(offline.once_each(stream.in_time(frame))) for frame in frames]
    assert totals.datagrams.due == stream.frames * stream.datagrams
    assert totals.datagrams.in_time == sum(in_time)
    assert totals.datagrams.late == len(late)
    assert totals.datagrams.lost == sum(offline.lost_row(stream))
    assert totals.datagrams.duplicate == len(stream.arrivals) - sum(in_time) - len(late)
    assert totals.datagrams.late_by == Distribution([each.received_ns - stream.due_ns(each.frame) for each in late])
    assert totals.datagrams.one_short == sum(each == stream.datagrams - 1 > 0 for each in in_time)
    assert totals.bytes_in_time == sum(in_time) * SIZE


@settings(deadline=None)
@given(streams())
def test_delay_variation_is_what_the_list_of_arrivals_says(stream: Stream) -> None:
    variation = folded(records_of(stream)).variation
    assert variation.ipdv == Distribution(offline.ipdv(stream))
    assert variation.spread == Distribution(offline.spread(stream))
    values = sorted(offline.pdv(stream))
    assert variation.pdv.count == len(values)
    if values:
        assert (variation.pdv.least, variation.pdv.greatest) == (values[0], values[-1])
    for percent in PERCENTS if values else ():
        exact, told = Distribution(values).percentile(percent), variation.pdv.percentile(percent)
        assert exact is not None
        assert told is not None
        # To within 2 us, 1/16 of itself and 1/128 of the greatest; of the two that are compared each may be a bucket off.
        assert abs(told - exact) <= 4096 + Fraction(exact, 8) + Fraction(values[-1], 128)


@settings(deadline=None)
@given(streams())
def test_jitter_is_that_of_rfc_3550_after_each_16th_difference(stream: Stream) -> None:
    told = folded(records_of(stream)).variation.jitter
    exact = offline.jitter(stream)[15::16]
    assert told.count == len(exact)
    if told.least is not None and told.greatest is not None:
        assert abs(told.least - min(exact)) <= 2
        assert abs(told.greatest - max(exact)) <= 2


@settings(deadline=None)
@given(streams())
def test_loss_runs_gaps_and_distances_are_what_the_list_of_arrivals_says(stream: Stream) -> None:
    runs = folded(records_of(stream)).runs
    row = offline.lost_row(stream)
    lost, gaps = offline.runs_and_gaps(row)
    places = [place for place, each in enumerate(row) if each]
    assert (runs.known, runs.lost) == (len(row), sum(row))
    assert runs.runs == Lengths(lost)
    assert runs.gaps == Lengths(gaps)
    assert runs.distances == Lengths([two - one for one, two in itertools.pairwise(places)])


@settings(deadline=None)
@given(streams())
def test_the_two_states_change_as_often_as_neighbours_differ(stream: Stream) -> None:
    model = folded(records_of(stream)).runs.model
    row = offline.lost_row(stream)
    pairs = list(itertools.pairwise(row))
    to_lost, to_came = pairs.count((False, True)), pairs.count((True, False))
    if not (to_lost and to_came):
        assert model is None
    else:
        assert model is not None
        assert model.p == to_lost / (to_lost + pairs.count((False, False)))
        assert model.r == to_came / (to_came + pairs.count((True, True)))


@settings(deadline=None)
@given(streams())
def test_what_a_viewer_saw_is_what_the_list_of_arrivals_says(stream: Stream) -> None:
    viewing = folded(records_of(stream)).viewing
    rendered = offline.played(stream)
    frozen = offline.freezes(stream)
    delays = [two - one for one, two in itertools.pairwise(rendered)]
    assert (viewing.frames, viewing.rendered) == (stream.frames, len(rendered))
    assert (viewing.freezes, viewing.freeze_ns) == (len(frozen), sum(frozen))
    assert (viewing.delays, viewing.delay_ns) == (len(delays), sum(delays))
    if delays:
        mean = Fraction(sum(delays), len(delays))
        assert viewing.delay_variance == pytest.approx(float(sum((each - mean) ** 2 for each in delays) / len(delays)))
    ends = [stream.due_ns(1), *rendered, stream.due_ns(stream.frames)]
    assert viewing.longest_stall == max(two - one for one, two in itertools.pairwise(ends))


@settings(deadline=None)
@given(streams())
def test_reordering_is_that_of_the_arrivals_in_time(stream: Stream) -> None:
    reordering = folded(records_of(stream)).reordering
    extents = [
        extent
        for frame in range(1, stream.frames + 1)
        for extent in offline.extents_of(offline.once_each(stream.in_time(frame)))
    ]
    assert reordering.extents == Lengths(extents)
    assert reordering.received == len({(each.frame, each.position) for each in stream.arrivals})
    if reordering.received:
        assert reordering.ratio == len(extents) / reordering.received


@given(st.lists(streams(), max_size=5), st.randoms(use_true_random=False))
def test_streams_add_up_to_the_same_in_any_order(parts: list[Stream], chance: object) -> None:
    totals = [folded(records_of(stream)) for stream in parts]
    expected = MediaTotals.of(totals)
    chance.shuffle(totals)  # type: ignore[attr-defined]
    while len(totals) > 1:
        at = chance.randrange(len(totals) - 1)  # type: ignore[attr-defined]
        totals[at : at + 2] = [totals[at] + totals[at + 1]]
    assert (totals[0] if totals else MediaTotals()) == expected


@given(streams(), st.integers(0, 80))
def test_to_ask_for_totals_on_the_way_changes_nothing(stream: Stream, asked_after: int) -> None:
    metrics = MediaMetrics(INTERVAL, 1)
    for number, record in enumerate(records_of(stream)):
        if isinstance(record, FrameRecord):
            metrics.frame(record)
        else:
            metrics.missed(record)
        if number == asked_after:
            metrics.totals()
    assert metrics.totals() == folded(records_of(stream)) == metrics.finish()


def test_nothing_seen_is_nothing_known() -> None:
    totals = MediaMetrics(INTERVAL, 1).totals()
    assert totals == MediaTotals(streams=1)
    assert totals.datagrams.loss_ratio is None
    assert totals.reordering.ratio is None
    assert totals.viewing.frozen_share is None
    assert totals.runs.model is None


def test_totals_pickle() -> None:
    totals = folded(records_of(stream_of([[[5 * MS], []], [[5 * MS], [6 * MS, 7 * MS]]])))
    assert pickle.loads(pickle.dumps(totals)) == totals


@settings(deadline=None)
@given(streams())
def test_where_positions_are_unknown_there_are_no_runs_but_what_was_lacking_counts(stream: Stream) -> None:
    totals = folded(records_of(stream, identified=False))
    frames = range(1, stream.frames + 1)
    lacking = [stream.datagrams - min(len(stream.in_time(frame)), stream.datagrams) for frame in frames]
    assert totals.runs.known == 0
    assert totals.runs.model is None
    assert totals.datagrams.missing == sum(lacking)
    after_all = [min(lacks, len(stream.late(frame))) for lacks, frame in zip(lacking, frames, strict=True)]
    assert totals.datagrams.late == sum(after_all)
    assert totals.datagrams.unknown == sum(len(stream.late(frame)) for frame in frames)


@pytest.mark.parametrize("transit_ns", [1 << 70, -(1 << 70), (1 << 63)])
def test_times_that_make_no_sense_count_in_everything_but_delay(transit_ns: int) -> None:
    metrics = MediaMetrics(INTERVAL, 1)
    for sequence, transit in enumerate((5, transit_ns, 5), 1):
        due_ns = sequence * INTERVAL
        times = (due_ns - 1, due_ns - 1, due_ns - 1, None, transit, transit, transit)
        metrics.frame(FrameRecord(sequence, due_ns, 1, 1, SIZE, 0, (), *times))
    totals = metrics.totals()
    assert (totals.unusable, totals.viewing.rendered, totals.variation.pdv.count) == (1, 3, 2)
    assert totals.variation.ipdv.count == 0


@pytest.mark.parametrize(("least", "greatest"), [(-(1 << 90), 5), (5, 1 << 90), (-(1 << 63), 5)])
def test_one_datagram_whose_stamp_makes_no_sense_leaves_the_delay_variation_of_the_others(
    least: int, greatest: int
) -> None:
    metrics = MediaMetrics(INTERVAL, 2)
    for sequence in range(1, 100):
        due_ns, odd = sequence * INTERVAL, sequence == 10
        transits = (least, greatest, 5) if odd else (5, 5, 5)
        metrics.frame(
            FrameRecord(sequence, due_ns, 2, 2, SIZE, 0, (), due_ns - 1, due_ns - 1, due_ns - 1, None, *transits)
        )
    totals = metrics.totals()
    assert (totals.unusable, totals.variation.pdv.count, totals.variation.pdv.greatest) == (1, 98, 0)


@pytest.mark.parametrize("transit", [None, 1 << 70])
def test_what_is_held_is_bounded_where_no_transit_is_known(transit: int | None) -> None:
    metrics = MediaMetrics(INTERVAL, 1)
    for sequence in range(1, 5000):
        due_ns = sequence * INTERVAL
        times = (due_ns - 1, due_ns - 1, due_ns - 1, None, transit, transit, transit)
        metrics.frame(FrameRecord(sequence, due_ns, 1, 1, SIZE, 0, (), *times))
    assert len(pickle.dumps(metrics)) < 4000
    assert metrics.totals().viewing.rendered == 4999


def late(sequence: int, datagrams: int, fresh: int | None) -> MissedRecord:
    received_ns = sequence * INTERVAL + MS
    missing = None if fresh is None else ()
    return MissedRecord(sequence, received_ns, MS, datagrams, SIZE, fresh, missing, False, False, 5)


def lacking(sequence: int, lacks: int, due: int = 10, *, identified: bool = True) -> FrameRecord:
    due_ns, missing = sequence * INTERVAL, ((0, lacks - 1),) if lacks else ()
    times = (due_ns - 1, due_ns - 1, None, None, 5, 5, 5)
    return FrameRecord(sequence, due_ns, due, due - lacks, SIZE, 0, missing if identified else None, *times)


def test_what_comes_late_is_no_more_than_its_frame_lacked_and_the_rest_are_copies() -> None:
    metrics = MediaMetrics(INTERVAL, 10)
    for sequence, lacks in ((1, 3), (2, 0), (3, 9)):
        metrics.frame(lacking(sequence, lacks))
    for sequence in (1, 1, 2):
        metrics.missed(late(sequence, 500, 500))
    datagrams = metrics.totals().datagrams
    assert (datagrams.late, datagrams.lost, datagrams.duplicate) == (3, 9, 1497)


@pytest.mark.parametrize("fresh", [0, 1, 2, 100])
def test_of_frames_that_are_forgotten_no_more_comes_late_than_they_lacked_together(fresh: int) -> None:
    metrics = MediaMetrics(INTERVAL, 10)
    for sequence in range(1, 1031):
        metrics.frame(lacking(sequence, 2))
    for sequence in range(1, 7):
        metrics.missed(late(sequence, 100, fresh))
    assert metrics.totals().datagrams.late == min(6 * fresh, 12)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(-5, 40), st.integers(1, 1000), st.none() | st.integers(0, 1000)), max_size=30),
)
def test_whatever_comes_late_less_than_nothing_is_never_lost(
    frames: list[tuple[int, bool]], more: list[tuple[int, int, int | None]]
) -> None:
    metrics = MediaMetrics(INTERVAL, 4)
    for sequence, (lacks, identified) in enumerate(frames, 1):
        metrics.frame(lacking(sequence, lacks, 4, identified=identified))
    for sequence, datagrams, fresh in more:
        metrics.missed(late(sequence, datagrams, None if fresh is None else min(fresh, datagrams)))
    totals = metrics.totals()
    assert 0 <= totals.datagrams.lost <= totals.datagrams.due
    figures_of(totals)


def test_a_second_of_what_cannot_be_told_apart_is_late_and_not_lost_when_it_comes_at_once() -> None:
    metrics = MediaMetrics(INTERVAL, 10)
    for sequence in range(1, 1001):
        metrics.frame(lacking(sequence, 10, identified=False))
    for sequence in range(1, 1001):
        metrics.missed(late(sequence, 10, None))
    datagrams = metrics.totals().datagrams
    assert (datagrams.late, datagrams.lost) == (10_000, 0)


def test_a_long_stream_of_wild_delays_takes_no_more_than_a_bounded_number_of_buckets() -> None:
    metrics = MediaMetrics(INTERVAL, 1)
    for sequence in range(1, 3000):
        transit = (sequence * 7919 % 1009) ** 4 * (-1) ** sequence
        due_ns = sequence * INTERVAL
        lacking = sequence % 3 == 0
        missing = ((0, 0),) if lacking else ()
        times = (due_ns - 1, due_ns - 1, None, None, transit, transit, transit)
        metrics.frame(FrameRecord(sequence, due_ns, 2, 2 - lacking, SIZE, 0, missing, *times))
    assert len(pickle.dumps(metrics)) < 64_000


@settings(deadline=None)
@given(streams(), st.integers(0, 400), st.booleans())
def test_frames_that_were_given_up_without_a_record_are_as_if_nothing_of_them_had_come(
    stream: Stream, more: int, recorded: bool
) -> None:
    records = [record for record in records_of(stream) if isinstance(record, FrameRecord)] if recorded else []
    metrics = MediaMetrics(INTERVAL, stream.datagrams)
    for record in records:
        metrics.frame(record)
    metrics.nothing_until(len(records) + more, stream.due_ns(1))
    metrics.nothing_until(len(records), stream.due_ns(1))
    lost = ((0, stream.datagrams - 1),)
    records += [
        FrameRecord(frame, stream.due_ns(frame), stream.datagrams, 0, 0, 0, lost, *(None,) * 7)
        for frame in range(len(records) + 1, len(records) + more + 1)
    ]
    assert metrics.totals() == folded(list(records))


def test_a_day_that_was_given_up_is_counted_at_once() -> None:
    metrics = MediaMetrics(INTERVAL, 20)
    metrics.nothing_until(50 * 86_400, INTERVAL)
    totals = metrics.totals()
    assert (totals.datagrams.lost, totals.viewing.frozen_share) == (20 * 50 * 86_400, 1.0)
    assert totals.runs.runs.greatest == totals.datagrams.lost


@settings(deadline=None)
@given(streams())
def test_delay_variation_of_the_same_arrivals_is_the_same_whatever_the_buffer(stream: Stream) -> None:
    # Copies count as arrivals of their frame in time only: what is left are the first of each, in the order in which they came.
    firsts: dict[tuple[int, int], Arrival] = {}
    for each in stream.arrivals:
        firsts.setdefault((each.frame, each.position), each)
    stream = stream._replace(arrivals=tuple(firsts.values()))
    dues = [stream.due_ns(frame) for frame in range(1, stream.frames + 1)]
    later = stream._replace(dues_ns=tuple(due_ns + 1000 * INTERVAL for due_ns in dues))
    short, long = (folded(records_of(each)).variation.pdv for each in (stream, later))
    assert (short.count, short.least, short.greatest) == (long.count, long.least, long.greatest)


def test_what_comes_late_of_a_frame_takes_the_place_of_what_came_in_time() -> None:
    metrics = MediaMetrics(INTERVAL, 10)
    metrics.frame(lacking(1, 2))
    metrics.frame(lacking(2, 0))
    for transit in (7, 9):
        metrics.missed(late(1, 1, 1)._replace(transit_ns=transit))
    pdv = metrics.totals().variation.pdv
    assert (pdv.count, pdv.least, pdv.greatest) == (2, 0, 4)


def test_frames_that_stay_without_something_count_too_while_the_stream_goes_on() -> None:
    metrics = MediaMetrics(INTERVAL, 10)
    for sequence in range(1, 201):
        metrics.frame(lacking(sequence, 1)._replace(transit_ns=5 + 1000 * sequence))
    assert metrics.totals().variation.pdv.count == 200
    assert glance_at(metrics).pdv_p95 == Longest(190_000)
