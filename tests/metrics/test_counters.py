"""Frame totals as values."""

from __future__ import annotations

from cts.metrics.counters import FrameCounts, FrameTotals


def test_totals_add_field_by_field() -> None:
    assert FrameTotals(1, 20, 300, 4000) + FrameTotals(5, 60, 700, 8000) == FrameTotals(6, 80, 1000, 12_000)


def test_totals_subtract_field_by_field() -> None:
    assert FrameTotals(6, 80, 1000, 12_000) - FrameTotals(1, 20, 300, 4000) == FrameTotals(5, 60, 700, 8000)


def test_errors_are_datagrams_and_no_rendered_frames() -> None:
    assert FrameTotals(completed=1, dropped=20, repeated=300, error=4000).rendered == 321


def test_totals_are_the_counts_of_their_moment() -> None:
    counts = FrameCounts(completed=1, dropped=2, repeated=3)
    totals = counts.totals(4)
    counts.completed += 1
    assert totals == FrameTotals(1, 2, 3, 4)
