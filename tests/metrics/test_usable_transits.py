"""Stamps that no clock gives leave delay unknown, and nothing else; those of a bad network do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cts.metrics.frame_record import FrameRecord, MissedRecord
from cts.metrics.media import MediaMetrics
from cts.metrics.media_totals import MediaTotals
from cts.metrics.usable_transits import UsableTransits

MS = 1_000_000
INTERVAL, BUFFER, FRAMES = 40 * MS, 200 * MS, 200
LASTS = BUFFER + FRAMES * INTERVAL
YEAR = 365 * 86_400_000 * MS


def frame(sequence: int, *transits: int) -> FrameRecord:
    due_ns, count = BUFFER + sequence * INTERVAL, len(transits)
    came = due_ns - 9, due_ns - 5, due_ns - 5, None
    return FrameRecord(sequence, due_ns, count, count, 9, 0, (), *came, min(transits), max(transits), transits[-1], ())


def folded(records: Iterable[FrameRecord | MissedRecord]) -> MediaTotals:
    metrics = MediaMetrics(INTERVAL, 1, UsableTransits(LASTS, BUFFER))
    for record in records:
        (metrics.frame if isinstance(record, FrameRecord) else metrics.missed)(record)  # type: ignore[arg-type]
    return metrics.finish()


def stream(transit_of: Callable[[int], int], frames: int = FRAMES) -> MediaTotals:
    return folded(frame(sequence, transit_of(sequence)) for sequence in range(1, frames + 1))


@pytest.mark.parametrize(
    "transit_of",
    [
        lambda sequence: sequence * sequence % 7919 * YEAR // 100,
        lambda sequence: -sequence * YEAR // 1000,
        lambda sequence: sequence * INTERVAL,
        lambda sequence: -9 * sequence * INTERVAL,
    ],
    ids=["years apart at random", "forward by hours each", "standing still", "ten times as fast as time"],
)
def test_of_stamps_that_are_nonsense_nothing_follows_for_delay(transit_of: Callable[[int], int]) -> None:
    totals = stream(transit_of)
    assert (totals.variation.pdv.count, totals.variation.ipdv.count, totals.variation.jitter.count) == (0, 0, 0)
    assert (totals.drift.pdv.count, totals.drift.ppm.least) == (0, None)
    assert totals.unusable == totals.viewing.rendered == totals.datagrams.in_time == FRAMES


@pytest.mark.parametrize(
    "transit_of",
    [
        lambda sequence: sequence * 37 % 190 * MS,
        lambda sequence: min(sequence * 2, 190) * MS,
        lambda sequence: sequence * INTERVAL // 1000,
    ],
    ids=["jitter of the whole buffer", "a queue that fills", "a clock that is off by 1000 ppm"],
)
def test_what_a_network_and_a_clock_can_do_counts(transit_of: Callable[[int], int]) -> None:
    totals = stream(transit_of)
    assert (totals.unusable, totals.variation.pdv.count) == (0, FRAMES)


@given(st.integers(1, FRAMES), st.sampled_from([-YEAR, YEAR, -1 << 64, 1 << 64]))
def test_a_single_damaged_stamp_leaves_its_frame_out_wherever_it_is(damaged: int, off_ns: int) -> None:
    def transit_of(sequence: int) -> int:
        return sequence % 3 * MS + (off_ns if sequence == damaged else 0)

    totals = stream(transit_of)
    assert (totals.unusable, totals.variation.pdv.count, totals.variation.pdv.greatest) == (1, FRAMES - 1, 2 * MS)
    # Neither difference with a neighbour is one.
    assert totals.variation.ipdv.count == FRAMES - 2 - (1 < damaged < FRAMES)


def test_one_damaged_stamp_among_a_frame_s_leaves_the_frame_out() -> None:
    records = [frame(sequence, 0, YEAR if sequence in (2, 150) else 1, 3) for sequence in range(1, FRAMES + 1)]
    totals = folded(records)
    assert (totals.unusable, totals.variation.pdv.greatest, totals.variation.spread.count) == (2, 3, FRAMES - 2)


@pytest.mark.parametrize("sequence", [3, 100])
def test_what_comes_late_with_a_damaged_stamp_is_late_and_of_unknown_delay(sequence: int) -> None:
    def lacks(number: int) -> FrameRecord:
        return frame(number, 0)._replace(distinct=0, missing=((0, 0),), transit_ns=None)

    def late(transit: int) -> MissedRecord:
        return MissedRecord(sequence, LASTS, MS, 1, 9, 1, (), True, False, transit)

    for transit, counted in ((MS, 1), (YEAR, 0)):
        records: list[FrameRecord | MissedRecord] = [
            lacks(number) if number == sequence else frame(number, 0) for number in range(1, FRAMES + 1)
        ]
        records.insert(sequence + 1, late(transit))
        totals = folded(records)
        assert (totals.datagrams.late, totals.variation.pdv.count) == (1, FRAMES - 1 + counted)


def test_what_comes_late_alone_tells_of_its_delay_and_is_not_gathered_without_end() -> None:
    metrics = MediaMetrics(INTERVAL, 1, UsableTransits(LASTS, BUFFER))
    for number in range(1, 100):
        metrics.frame(frame(number, 0)._replace(distinct=0, missing=((0, 0),), transit_ns=None, least_transit_ns=None))
        metrics.missed(MissedRecord(number, LASTS, MS, 1, 9, 1, (), True, False, number * MS))
        assert len(metrics._late_firsts) < 64
    assert metrics.finish().variation.pdv.count == 99
